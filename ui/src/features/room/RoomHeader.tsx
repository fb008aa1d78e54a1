/** Which party this is, how it is connected, and the way out. */
import { useState } from 'preact/hooks'
import { Button, IconButton } from '../../elements/Button'
import { Chip } from '../../elements/Chip'
import type { Tone } from '../../elements/Chip'
import { plusMinus } from '../../i18n/format'
import { words } from '../../i18n/words'
import type { LinkState } from '../../protocol/generated/LinkState'
import type { SyncState } from '../../protocol/generated/SyncState'
import { useParty, useView } from '../../state/party'
import { InviteSheet } from '../invite/InviteSheet'
import styles from './RoomHeader.module.css'

const linkTones = { connecting: 'wait', online: 'good', reconnecting: 'bad' } as const satisfies Record<LinkState, Tone>

const clockTones = { unsynced: 'wait', coarse: 'wait', good: 'good', locked: 'good' } as const satisfies Record<
  SyncState,
  Tone
>

export function RoomHeader({ onSettings }: { readonly onSettings: () => void }) {
  const party = useParty()
  const { swarm } = useView()
  const [inviting, setInviting] = useState(false)
  if (!swarm) return null
  return (
    <>
      <header class={styles['header']}>
        <div class={styles['bar']}>
          <div class={styles['party']}>
            <p class={styles['label']} id="party-label">
              {words().room.party}
            </p>
            <h1 aria-describedby="party-label">
              <bdi>{swarm.name}</bdi>
            </h1>
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
          <div class={styles['invite']}>
            <Button icon="invite" onPress={() => setInviting(true)}>
              {words().invite.open}
            </Button>
          </div>
        </div>
      </header>
      {inviting && <InviteSheet onClose={() => setInviting(false)} />}
    </>
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
