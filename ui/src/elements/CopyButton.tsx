/** A button that puts a text on the clipboard, and says whether it could. */
import { useEffect, useState } from 'preact/hooks'
import { words } from '../i18n/words'
import { Button, IconButton } from './Button'

/** How long the outcome stays. (milliseconds) */
const OUTCOME_SHOWN = 2_000

/** Without permission the text can still be read out or selected, which the words say. */
type Outcome = 'copied' | 'notCopied'

interface CopyButtonProps {
  readonly text: string
  readonly label: string
  readonly look?: 'lamp' | 'icon'
}

export function CopyButton({ text, label, look = 'icon' }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  useEffect(() => {
    if (outcome === null) return undefined
    const timer = setTimeout(() => setOutcome(null), OUTCOME_SHOWN)
    return () => clearTimeout(timer)
  }, [outcome])
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setOutcome('copied'),
      () => setOutcome('notCopied'),
    )
  }
  const icon = outcome === 'copied' ? 'check' : 'copy'
  const told = outcome === null ? '' : words().room[outcome]
  const name = told === '' ? label : told
  return (
    <>
      {look === 'icon' ? (
        <IconButton icon={icon} label={name} onPress={copy} />
      ) : (
        <Button look="lamp" icon={icon} onPress={copy}>
          {name}
        </Button>
      )}
      <output class="visually-hidden">{told}</output>
    </>
  )
}
