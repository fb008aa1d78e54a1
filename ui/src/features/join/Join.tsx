/** The way in: a key, and a place to meet. */
import type { TargetedSubmitEvent } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { Field } from '../../elements/Field'
import { Icon } from '../../elements/Icon'
import { en } from '../../i18n/en'
import type { MeetingPoint } from '../../protocol/generated/MeetingPoint'
import { MAX_SWARM_KEY } from '../../protocol/limits'
import { useParty, useView } from '../../state/party'
import { LogList } from '../log/LogList'
import { SettingsSheet } from '../settings/SettingsSheet'
import styles from './Join.module.css'

export function Join() {
  const party = useParty()
  const view = useView()
  const [key, setKey] = useState('')
  const [relay, setRelay] = useState('')
  const [keyFault, setKeyFault] = useState<string | null>(null)
  const [relayFault, setRelayFault] = useState<string | null>(null)
  const [settingsOpen, setSettingsOpen] = useState(false)
  const keyInput = useRef<HTMLInputElement>(null)

  function join(at: MeetingPoint): void {
    const typed = key.trim()
    if (typed === '') {
      setKeyFault(en.join.keyMissing)
      keyInput.current?.focus()
      return
    }
    setKeyFault(null)
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
    setRelayFault(usable ? null : en.join.relayBad)
    if (usable) join({ kind: 'relay', url })
  }

  return (
    <main class={styles['page']}>
      <header class={styles['head']}>
        <Wave />
        <h1>{en.join.tagline}</h1>
      </header>

      <div class={styles['ways']}>
        <form class={styles['card']} onSubmit={joinAnywhere} noValidate>
          <Field label={en.join.key} hint={en.join.keyHint} fault={keyFault}>
            {(attributes) => (
              <input
                {...attributes}
                ref={keyInput}
                class={`${attributes.class} ${styles['key']}`}
                value={key}
                maxLength={MAX_SWARM_KEY}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                enterkeyhint="go"
                onInput={(event) => setKey(event.currentTarget.value)}
              />
            )}
          </Field>
          <div class={styles['actions']}>
            <Button look="lamp" type="submit">
              {en.join.join}
            </Button>
            <Button onPress={() => join({ kind: 'here' })} describedBy="start-hint">
              {en.join.start}
            </Button>
          </div>
          <p id="start-hint" class={styles['hint']}>
            {en.join.startHint}
          </p>
        </form>

        <section class={styles['nearby']} aria-labelledby="nearby-title">
          <h2 id="nearby-title">{en.join.nearby}</h2>
          {view.nearby.length === 0 ? (
            <p class={styles['hint']}>{en.join.nearbyEmpty}</p>
          ) : (
            <ul>
              {view.nearby.map((found) => (
                <li key={found.id}>
                  <button type="button" class={styles['found']} onClick={() => join({ kind: 'nearby', id: found.id })}>
                    <span>
                      <strong>
                        <span class="visually-hidden">{en.join.joinNearby} </span>
                        {found.name}
                      </strong>
                      <span class={styles['hint']}>{hostOf(found.url)}</span>
                    </span>
                    <span class={styles['go']} aria-hidden="true">
                      {en.join.join}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          )}
        </section>

        <details class={styles['more']}>
          <summary>
            {en.join.more}
            <Icon name="chevron" />
          </summary>
          <form onSubmit={joinRelay} noValidate>
            <Field label={en.join.relay} hint={en.join.relayHint} fault={relayFault}>
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
            <Button type="submit">{en.join.joinRelay}</Button>
          </form>
        </details>

        <LogList lines={view.log.filter((line) => line.level !== 'info').slice(-3)} />
      </div>

      <footer class={styles['foot']}>
        <p>
          {en.join.you} <strong>{view.me.alias}</strong>
        </p>
        <Button look="quiet" onPress={() => setSettingsOpen(true)}>
          {en.join.change}
        </Button>
      </footer>
      {settingsOpen && <SettingsSheet onClose={() => setSettingsOpen(false)} />}
    </main>
  )
}

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

function hostOf(url: string): string {
  return url.replace(/^wss?:\/\//, '').replace(/\/.*$/, '')
}
