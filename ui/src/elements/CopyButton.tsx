/** A button that puts a text on the clipboard and says so. */
import { useEffect, useState } from 'preact/hooks'
import { words } from '../i18n/words'
import { Button, IconButton } from './Button'

/** How long "Copied" stays. (milliseconds) */
const COPIED_SHOWN = 2_000

interface CopyButtonProps {
  readonly text: string
  readonly label: string
  readonly look?: 'lamp' | 'icon'
}

export function CopyButton({ text, label, look = 'icon' }: CopyButtonProps) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return undefined
    const timer = setTimeout(() => setCopied(false), COPIED_SHOWN)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Without permission the text can still be read out or selected.
      () => {},
    )
  }
  const icon = copied ? 'check' : 'copy'
  const name = copied ? words().room.copied : label
  return (
    <>
      {look === 'icon' ? (
        <IconButton icon={icon} label={name} onPress={copy} />
      ) : (
        <Button look="lamp" icon={icon} onPress={copy}>
          {name}
        </Button>
      )}
      <output class="visually-hidden">{copied ? words().room.copied : ''}</output>
    </>
  )
}
