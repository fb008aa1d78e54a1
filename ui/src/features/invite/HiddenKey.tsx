/** A key that is not shown before somebody asks for it: others may be looking at the screen. */
import { Button } from '../../elements/Button'
import { words } from '../../i18n/words'
import type { SwarmHash } from '../../protocol/generated/SwarmHash'
import { useParty } from '../../state/party'
import styles from './HiddenKey.module.css'

interface HiddenKeyProps {
  readonly swarm: SwarmHash
  /** The key, once the core has been asked for it. */
  readonly shown: string | null
  /** The party it opens. */
  readonly name: string
}

export function HiddenKey({ swarm, shown, name }: HiddenKeyProps) {
  const party = useParty()
  return (
    <div class={styles['key']}>
      {shown !== null && (
        <p class={styles['words']}>
          <bdi>{shown}</bdi>
        </p>
      )}
      <Button look="quiet" onPress={() => party.ask({ type: 'revealKey', swarm: shown === null ? swarm : null })}>
        {shown === null ? words().keys.show : words().keys.hide}
        <span class="visually-hidden"> {words().keys.of(name)}</span>
      </Button>
    </div>
  )
}
