/** Why a guest's buttons do nothing, and how to change that. */
import { Button } from '../../elements/Button'
import { words } from '../../i18n/words'
import { directorName } from '../../state/members'
import { useParty, useView } from '../../state/party'
import styles from './Direction.module.css'

/** The element that says the reason: whatever is disabled for a guest is described by it. */
export const DIRECTION_REASON = 'direction-reason'

export function Direction() {
  const party = useParty()
  const director = directorName(useView())
  return (
    <div class={styles['direction']}>
      <p id={DIRECTION_REASON}>{director === null ? words().room.undirected : words().room.directedBy(director)}</p>
      <Button onPress={() => party.ask({ type: 'takeDirector' })}>{words().room.take}</Button>
    </div>
  )
}
