/** An invitation that was opened: what it leads to, and the question whether to follow it. */
import { Button } from '../../elements/Button'
import { Sheet } from '../../elements/Sheet'
import { words } from '../../i18n/words'
import { useParty, useView } from '../../state/party'
import { HiddenKey } from './HiddenKey'
import styles from './InvitationSheet.module.css'

export function InvitationSheet() {
  const party = useParty()
  const { lobby, swarm } = useView()
  const { invitation } = lobby
  if (!invitation) return null
  const dismiss = (): void => party.ask({ type: 'dismissInvite' })
  return (
    <Sheet title={words().invitation.title(invitation.name)} closeLabel={words().invitation.close} onClose={dismiss}>
      <dl class={styles['facts']}>
        <dt>{words().invitation.meetsAt}</dt>
        {invitation.relays.length === 0 ? (
          <dd>{words().invitation.nearby}</dd>
        ) : (
          invitation.relays.map((relay) => (
            <dd key={relay}>
              <bdi>{relay}</bdi>
            </dd>
          ))
        )}
        <dt>{words().room.key}</dt>
        <dd>
          <HiddenKey swarm={invitation.swarm} shown={invitation.key} name={invitation.name} />
        </dd>
      </dl>
      {swarm && <p class={styles['soft']}>{words().invitation.leaves(swarm.name)}</p>}
      <div class={styles['actions']}>
        <Button look="lamp" onPress={() => party.ask({ type: 'acceptInvite' })}>
          {words().invitation.accept}
        </Button>
        <Button onPress={dismiss}>{words().invitation.dismiss}</Button>
      </div>
    </Sheet>
  )
}
