/** Parties this device was in, newest first: one press joins again. */
import { IconButton } from '../../elements/Button'
import { words } from '../../i18n/words'
import { useParty, useView } from '../../state/party'
import { HiddenKey } from '../invite/HiddenKey'
import { hostOf } from './Nearby'
import styles from './Join.module.css'

export function Recent() {
  const party = useParty()
  const { recent } = useView().lobby
  if (recent.length === 0) return null
  return (
    <section class={styles['list']} aria-labelledby="recent-title">
      <h2 id="recent-title">{words().join.recent}</h2>
      <ul>
        {recent.map(({ swarm, name, relay, key }) => (
          <li key={swarm} class={styles['past']}>
            <button type="button" class={styles['found']} onClick={() => party.ask({ type: 'rejoin', swarm })}>
              <span>
                <strong>
                  <span class="visually-hidden">
                    {relay === null ? words().join.startAgain : words().join.joinAgain}{' '}
                  </span>
                  <bdi>{name}</bdi>
                </strong>
                <span class={styles['hint']}>{relay === null ? words().join.wasHere : <bdi>{hostOf(relay)}</bdi>}</span>
              </span>
              <span class={styles['go']} aria-hidden="true">
                {relay === null ? words().join.startShort : words().join.join}
              </span>
            </button>
            <div class={styles['about']}>
              <HiddenKey swarm={swarm} shown={key} name={name} />
              <IconButton
                icon="close"
                label={words().join.forget(name)}
                onPress={() => party.ask({ type: 'forgetParty', swarm })}
              />
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
