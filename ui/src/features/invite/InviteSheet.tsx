/** How others come into the party: a code to scan, a link to send, words to read out. */
import { CopyButton } from '../../elements/CopyButton'
import { QrCode } from '../../elements/QrCode'
import { Sheet } from '../../elements/Sheet'
import { words } from '../../i18n/words'
import { useView } from '../../state/party'
import styles from './InviteSheet.module.css'

/** Longest link that is still drawn large enough for a phone to read: version 20 of the code. (characters) */
const LONGEST_IN_CODE = 666

export function InviteSheet({ onClose }: { readonly onClose: () => void }) {
  const { swarm } = useView()
  if (!swarm) return null
  return (
    <Sheet title={words().invite.title(swarm.name)} closeLabel={words().invite.close} onClose={onClose}>
      {swarm.invite.length <= LONGEST_IN_CODE ? (
        <div class={styles['scan']}>
          <QrCode text={swarm.invite} label={words().invite.code} />
          <p class={styles['soft']}>{words().invite.scan}</p>
        </div>
      ) : (
        <p class={styles['soft']}>{words().invite.tooLong}</p>
      )}
      <section class={styles['part']} aria-labelledby="invite-link">
        <h3 id="invite-link">{words().invite.link}</h3>
        <p class={styles['link']}>
          <bdi>{swarm.invite}</bdi>
        </p>
        <CopyButton text={swarm.invite} label={words().invite.copyLink} look="lamp" />
      </section>
      <section class={styles['part']} aria-labelledby="invite-key">
        <h3 id="invite-key">{words().room.key}</h3>
        <div class={styles['key']}>
          <p>
            <bdi>{swarm.key}</bdi>
          </p>
          <CopyButton text={swarm.key} label={words().room.copyKey} />
        </div>
      </section>
      <p class={styles['soft']}>{words().invite.secret}</p>
    </Sheet>
  )
}
