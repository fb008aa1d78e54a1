/** Who is here and in sync, who directs, whose device carries the party, and how to pass the direction on. */
import { Button } from '../../elements/Button'
import { Icon } from '../../elements/Icon'
import { Panel } from '../../elements/Panel'
import { words } from '../../i18n/words'
import type { MemberView } from '../../protocol/generated/MemberView'
import { directorName, inOrder, nameOf } from '../../state/members'
import { useParty, useView } from '../../state/party'
import { leadsRoom, reportOf } from '../../state/sync'
import { SyncFacts, SyncLine } from '../sync/SyncLine'
import { Avatar } from './Avatar'
import styles from './Members.module.css'

export function Members() {
  const party = useParty()
  const view = useView()
  const { swarm, me } = view
  if (!swarm) return null
  const director = directorName(view)
  return (
    <Panel title={words().room.devicesTitle}>
      <div class={styles['direction']}>
        <p>
          {swarm.isDirector
            ? words().room.directing
            : director === null
              ? words().room.undirected
              : words().room.directedBy(director)}
        </p>
        {swarm.isDirector ? (
          swarm.members.length > 1 && (
            <Button onPress={() => party.ask({ type: 'resignDirector' })}>{words().room.resign}</Button>
          )
        ) : (
          <Button onPress={() => party.ask({ type: 'takeDirector' })}>{words().room.take}</Button>
        )}
      </div>
      <ul class={styles['list']}>
        {inOrder(swarm.members, me.userId, swarm.director).map((member) => (
          <li key={member.userId}>
            <Avatar id={member.userId} />
            <div class={styles['about']}>
              <div class={styles['head']}>
                <p class={styles['name']}>
                  <bdi>{nameOf(member, member.userId)}</bdi>
                </p>
                <p class={styles['roles']}>
                  {member.userId === me.userId && <span>{words().room.you}</span>}
                  {member.userId === swarm.carrier && (
                    <span class={styles['carries']}>
                      <Icon name="home" />
                      {words().room.carries}
                    </span>
                  )}
                  {member.userId === swarm.director && <span class={styles['director']}>{words().room.director}</span>}
                  {leadsRoom(member, view.clock) && (
                    <span class={styles['leads']}>
                      <Icon name="clock" />
                      {words().sync.leads}
                    </span>
                  )}
                </p>
              </div>
              <Sync member={member} />
            </div>
          </li>
        ))}
      </ul>
      <p class={styles['soft']}>{words().sync.explain}</p>
      {swarm.members.length === 1 && <p class={styles['soft']}>{words().room.alone}</p>}
      {swarm.hosting && swarm.inviteUrls.length > 0 && (
        <div class={styles['invite']}>
          <p class={styles['soft']}>{words().room.invite}</p>
          <ul>
            {swarm.inviteUrls.map((url) => (
              <li key={url}>{url}</li>
            ))}
          </ul>
        </div>
      )}
    </Panel>
  )
}

/** A part of its own: the figures come often, and only they are drawn again. */
function Sync({ member }: { readonly member: MemberView }) {
  const report = reportOf(member, useView())
  return (
    <>
      <SyncLine report={report} />
      {report && <SyncFacts report={report} />}
    </>
  )
}
