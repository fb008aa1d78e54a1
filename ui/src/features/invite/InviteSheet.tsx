/** How others come into the party: a code to scan, a link to send, words to read out. */
import { CopyButton } from '../../elements/CopyButton'
import { QrCode } from '../../elements/QrCode'
import { Sheet } from '../../elements/Sheet'
import { en } from '../../i18n/en'
import { useView } from '../../state/party'
import styles from './InviteSheet.module.css'

/** Longest link that is still drawn large enough for a phone to read: version 20 of the code. (characters) */
const LONGEST_IN_CODE = 666

export function InviteSheet({ onClose }: { readonly onClose: () => void }) {
  const { swarm } = useView()
  if (!swarm) return null
  return (
    <Sheet title={en.invite.title(swarm.name)} closeLabel={en.invite.close} onClose={onClose}>
      {swarm.invite.length <= LONGEST_IN_CODE ? (
        <div class={styles['scan']}>
          <QrCode text={swarm.invite} label={en.invite.code} />
          <p class={styles['soft']}>{en.invite.scan}</p>
        </div>
      ) : (
        <p class={styles['soft']}>{en.invite.tooLong}</p>
      )}
      <section class={styles['part']} aria-labelledby="invite-link">
        <h3 id="invite-link">{en.invite.link}</h3>
        <p class={styles['link']}>{swarm.invite}</p>
        <CopyButton text={swarm.invite} label={en.invite.copyLink} look="lamp" />
      </section>
      <section class={styles['part']} aria-labelledby="invite-key">
        <h3 id="invite-key">{en.room.key}</h3>
        <div class={styles['key']}>
          <p>{swarm.key}</p>
          <CopyButton text={swarm.key} label={en.room.copyKey} />
        </div>
      </section>
      <p class={styles['soft']}>{en.invite.secret}</p>
    </Sheet>
  )
}
