/** The way in: start a party, or come to one by its key, a link, a list or an address. */
import type { TargetedClipboardEvent, TargetedSubmitEvent } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { Field } from '../../elements/Field'
import { Icon } from '../../elements/Icon'
import { words } from '../../i18n/words'
import type { MeetingPoint } from '../../protocol/generated/MeetingPoint'
import { MAX_INVITE } from '../../protocol/limits'
import { useParty, useView } from '../../state/party'
import { LogList } from '../log/LogList'
import { SettingsSheet } from '../settings/SettingsSheet'
import { Nearby } from './Nearby'
import { Recent } from './Recent'
import { StartCard } from './StartCard'
import styles from './Join.module.css'

export function Join() {
  const party = useParty()
  const view = useView()
  const [key, setKey] = useState('')
  const [relay, setRelay] = useState('')
  const [keyMissing, setKeyMissing] = useState(false)
  const [relayBad, setRelayBad] = useState(false)
  const [settingsOpen, setSettingsOpen] = useState(false)
  const keyInput = useRef<HTMLInputElement>(null)

  function join(at: MeetingPoint): void {
    const typed = key.trim()
    if (typed === '') {
      setKeyMissing(true)
      keyInput.current?.focus()
      return
    }
    setKeyMissing(false)
    party.ask({ type: 'joinSwarm', key: typed, at })
  }

  function joinAnywhere(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    join({ kind: 'anywhere' })
  }

  function joinRelay(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    const url = relay.trim()
    const usable = /^wss?:\/\/\S/.test(url)
    setRelayBad(!usable)
    if (usable) join({ kind: 'relay', url })
  }

  /** A whole link needs no further press; the core asks before it follows one. */
  function openPastedLink(event: TargetedClipboardEvent<HTMLInputElement>): void {
    const link = event.clipboardData?.getData('text') ?? ''
    if (!LINK.test(link)) return
    event.preventDefault()
    setKeyMissing(false)
    party.ask({ type: 'openInvite', link })
  }

  return (
    <main class={styles['page']}>
      <header class={styles['head']}>
        <Wave />
        <h1>{words().join.tagline}</h1>
      </header>

      <div class={styles['ways']}>
        <StartCard />

        <form class={styles['card']} onSubmit={joinAnywhere} noValidate>
          <h2>{words().join.joinTitle}</h2>
          <Field
            label={words().join.key}
            hint={words().join.keyHint}
            fault={keyMissing ? words().join.keyMissing : null}
          >
            {(attributes) => (
              <input
                {...attributes}
                ref={keyInput}
                class={`${attributes.class} ${styles['key']}`}
                value={key}
                maxLength={MAX_INVITE}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                enterkeyhint="go"
                onInput={(event) => setKey(event.currentTarget.value)}
                onPaste={openPastedLink}
              />
            )}
          </Field>
          <div class={styles['actions']}>
            <Button type="submit">{words().join.join}</Button>
          </div>
        </form>

        <Nearby onJoin={(id) => join({ kind: 'nearby', id })} />
        <Recent />

        <details class={styles['more']}>
          <summary>
            {words().join.more}
            <Icon name="chevron" />
          </summary>
          <form onSubmit={joinRelay} noValidate>
            <Field
              label={words().join.relay}
              hint={words().join.relayHint}
              fault={relayBad ? words().join.relayBad : null}
            >
              {(attributes) => (
                <input
                  {...attributes}
                  type="url"
                  inputMode="url"
                  placeholder="wss://relay.example/ws"
                  value={relay}
                  autocomplete="off"
                  onInput={(event) => setRelay(event.currentTarget.value)}
                />
              )}
            </Field>
            <Button type="submit">{words().join.joinRelay}</Button>
          </form>
        </details>

        <LogList lines={view.log.filter((line) => line.level !== 'info').slice(-3)} />
      </div>

      <footer class={styles['foot']}>
        <p>
          {words().join.you}{' '}
          <strong>
            <bdi>{view.me.alias}</bdi>
          </strong>
        </p>
        <Button look="quiet" onPress={() => setSettingsOpen(true)}>
          {words().join.change}
        </Button>
      </footer>
      {settingsOpen && <SettingsSheet onClose={() => setSettingsOpen(false)} />}
    </main>
  )
}

/** What begins an invitation; whether it is a sound one is for the core to say. */
const LINK = /^\s*swarm:\S*#/i

/** The same sound from several places: decoration. */
function Wave() {
  return (
    <svg
      class={styles['wave']}
      aria-hidden="true"
      viewBox="0 0 120 36"
      fill="none"
      stroke-linecap="round"
      stroke-width="4"
    >
      <path d={HEIGHTS.map((height, index) => `M${6 + index * 9} ${18 - height}v${height * 2}`).join('')} />
    </svg>
  )
}

const HEIGHTS = [2, 5, 9, 14, 10, 6, 12, 16, 11, 7, 9, 4, 2]
