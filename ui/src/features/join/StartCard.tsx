/** Starting a party on this device, with a key that nobody guesses. */
import type { TargetedKeyboardEvent, TargetedSubmitEvent } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { Field } from '../../elements/Field'
import { words } from '../../i18n/words'
import { MAX_SWARM_KEY } from '../../protocol/limits'
import { strengthOf } from '../../state/key-strength'
import { useParty, useView } from '../../state/party'
import styles from './Join.module.css'

export function StartCard() {
  const party = useParty()
  const { newKey } = useView().lobby
  /** What the person made of the words; null while they stand as they were drawn. */
  const [typed, setTyped] = useState<string | null>(null)
  const [missing, setMissing] = useState(false)
  const key = typed ?? newKey ?? ''

  function start(): void {
    setMissing(key.trim() === '')
    if (key.trim() !== '') party.ask({ type: 'joinSwarm', key, at: { kind: 'here' } })
  }

  function submit(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    start()
  }

  function startByEnter(event: TargetedKeyboardEvent<HTMLTextAreaElement>): void {
    if (event.key !== 'Enter' || event.isComposing) return
    event.preventDefault()
    start()
  }

  function drawOthers(): void {
    setTyped(null)
    party.ask({ type: 'drawKey' })
  }

  return (
    <form class={styles['card']} onSubmit={submit} noValidate>
      <h2>{words().join.startTitle}</h2>
      <Field
        label={words().join.newKey}
        hint={key.trim() === '' ? words().join.newKeyEmpty : words().keyStrengths[strengthOf(key)]}
        fault={missing && key.trim() === '' ? words().join.keyMissing : null}
      >
        {(attributes) => (
          <textarea
            {...attributes}
            class={`${attributes.class} ${styles['words']}`}
            rows={2}
            value={key}
            maxLength={MAX_SWARM_KEY}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            enterkeyhint="go"
            onInput={(event) => setTyped(event.currentTarget.value)}
            onKeyDown={startByEnter}
          />
        )}
      </Field>
      <div class={styles['actions']}>
        <Button look="lamp" type="submit" describedBy="start-hint">
          {words().join.start}
        </Button>
        <Button onPress={drawOthers}>{words().join.otherWords}</Button>
      </div>
      <p id="start-hint" class={styles['hint']}>
        {words().join.startHint}
      </p>
    </form>
  )
}
