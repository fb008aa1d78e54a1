/** What a plain browser sees at a relay's address: where the party is and how to come in. */
import { words } from '../i18n/words'
import styles from './RelayPage.module.css'

export function RelayPage({ address }: { readonly address: Pick<Location, 'protocol' | 'host'> }) {
  const relay = `${address.protocol === 'https:' ? 'wss' : 'ws'}://${address.host}/ws`
  return (
    <main class={styles['page']}>
      <h1>{words().relayPage.title}</h1>
      <p>{words().relayPage.text}</p>
      <p class={styles['address']}>{relay}</p>
      <p>
        <a href="?demo">{words().relayPage.demo}</a>
      </p>
    </main>
  )
}
