/** Who is here, who directs, and how to pass the direction on. */
import { Button } from '../../elements/Button'
import { Panel } from '../../elements/Panel'
import { en } from '../../i18n/en'
import { directorName, inOrder, nameOf } from '../../state/members'
import { useParty, useView } from '../../state/party'
import { Avatar } from './Avatar'
import styles from './Members.module.css'

export function Members() {
  const party = useParty()
  const view = useView()
  const { swarm, me } = view
  if (!swarm) return null
  const director = directorName(view)
  return (
    <Panel title={en.room.devicesTitle}>
      <div class={styles['direction']}>
        <p>
          {swarm.isDirector ? en.room.directing : director === null ? en.room.undirected : en.room.directedBy(director)}
        </p>
        {swarm.isDirector ? (
          swarm.members.length > 1 && (
            <Button onPress={() => party.ask({ type: 'resignDirector' })}>{en.room.resign}</Button>
          )
        ) : (
          <Button onPress={() => party.ask({ type: 'takeDirector' })}>{en.room.take}</Button>
        )}
      </div>
      <ul class={styles['list']}>
        {inOrder(swarm.members, me.userId, swarm.director).map((member) => (
          <li key={member.userId}>
            <Avatar id={member.userId} />
            <span class={styles['name']}>{nameOf(member, member.userId)}</span>
            <span class={styles['roles']}>
              {member.userId === me.userId && <span>{en.room.you}</span>}
              {member.userId === swarm.director && <span class={styles['director']}>{en.room.director}</span>}
            </span>
          </li>
        ))}
      </ul>
      {swarm.members.length === 1 && <p class={styles['soft']}>{en.room.alone}</p>}
      {swarm.hosting && swarm.inviteUrls.length > 0 && (
        <div class={styles['invite']}>
          <p class={styles['soft']}>{en.room.invite}</p>
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
