/** Parties that others carry on this network. They come and go by themselves. */
import { words } from '../../i18n/words'
import { useView } from '../../state/party'
import styles from './Join.module.css'

/** `onJoin` takes the id of a party. */
export function Nearby({ onJoin }: { readonly onJoin: (id: string) => void }) {
  const { nearby } = useView()
  return (
    <section class={styles['list']} aria-labelledby="nearby-title">
      <h2 id="nearby-title">{words().join.nearby}</h2>
      {nearby.length === 0 ? (
        <p class={styles['hint']}>{words().join.nearbyEmpty}</p>
      ) : (
        <ul>
          {nearby.map((found) => (
            <li key={found.id}>
              <button type="button" class={styles['found']} onClick={() => onJoin(found.id)}>
                <span>
                  <strong>
                    <span class="visually-hidden">{words().join.joinNearby} </span>
                    <bdi>{found.name}</bdi>
                  </strong>
                  <span class={styles['hint']}>
                    <bdi>{hostOf(found.url)}</bdi>
                  </span>
                </span>
                <span class={styles['go']} aria-hidden="true">
                  {words().join.join}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** The part of a relay's address that people tell apart. */
export function hostOf(url: string): string {
  return url.replace(/^wss?:\/\//, '').replace(/\/.*$/, '')
}
