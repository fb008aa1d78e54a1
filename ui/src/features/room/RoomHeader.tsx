/** Which party this is, how it is connected, and the way out. */
import { useEffect, useState } from 'preact/hooks'
import { IconButton } from '../../elements/Button'
import { Chip } from '../../elements/Chip'
import type { Tone } from '../../elements/Chip'
import { plusMinus } from '../../i18n/format'
import { words } from '../../i18n/words'
import type { LinkState } from '../../protocol/generated/LinkState'
import type { SyncState } from '../../protocol/generated/SyncState'
import { useParty, useView } from '../../state/party'
import styles from './RoomHeader.module.css'

/** How long "Copied" stays. (milliseconds) */
const COPIED_SHOWN = 2_000

const linkTones = { connecting: 'wait', online: 'good', reconnecting: 'bad' } as const satisfies Record<LinkState, Tone>

const clockTones = { unsynced: 'wait', coarse: 'wait', good: 'good', locked: 'good' } as const satisfies Record<
  SyncState,
  Tone
>

export function RoomHeader({ onSettings }: { readonly onSettings: () => void }) {
  const party = useParty()
  const { swarm } = useView()
  if (!swarm) return null
  return (
    <header class={styles['header']}>
      <div class={styles['bar']}>
        <div class={styles['party']}>
          <p class={styles['label']} id="key-label">
            {words().room.key}
          </p>
          <div class={styles['key']}>
            <h1 aria-describedby="key-label">
              <bdi>{swarm.key}</bdi>
            </h1>
            <CopyKey text={swarm.key} />
          </div>
        </div>
        <div class={styles['tools']}>
          <IconButton icon="settings" label={words().room.settings} onPress={onSettings} />
          <IconButton icon="leave" label={words().room.leave} onPress={() => party.ask({ type: 'leaveSwarm' })} />
        </div>
        <div class={styles['states']}>
          <Chip tone={linkTones[swarm.link]}>{words().links[swarm.link]}</Chip>
          <ClockChip />
          <Chip tone="plain">{words().room.devices(swarm.members.length)}</Chip>
        </div>
      </div>
    </header>
  )
}

function ClockChip() {
  const { state, uncertaintyUs } = useView().clock
  const word = words().syncStates[state]
  return (
    <Chip tone={clockTones[state]} label={words().clock.label}>
      {state === 'unsynced'
        ? words().clock.settling
        : uncertaintyUs === null
          ? word
          : words().clock.synced(word, plusMinus(uncertaintyUs))}
    </Chip>
  )
}

function CopyKey({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return undefined
    const timer = setTimeout(() => setCopied(false), COPIED_SHOWN)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Without permission the key can still be read out or selected.
      () => {},
    )
  }
  return (
    <>
      <IconButton
        icon={copied ? 'check' : 'copy'}
        label={copied ? words().room.copied : words().room.copyKey}
        onPress={copy}
      />
      <output class="visually-hidden">{copied ? words().room.copied : ''}</output>
    </>
  )
}
