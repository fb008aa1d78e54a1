/** One song: what it is, who can play it, and what a person may do with it. */
import { Button, IconButton } from '../../elements/Button'
import { Icon } from '../../elements/Icon'
import { byteRate, byteSize, clockTime } from '../../i18n/format'
import { inLine, readyText, shareText } from '../../i18n/sentences'
import { words } from '../../i18n/words'
import type { FileView } from '../../protocol/generated/FileView'
import { percentOf, sharesOf, titleOf } from '../../state/files'
import type { Share } from '../../state/files'
import { nameById } from '../../state/members'
import { useParty, useView } from '../../state/party'
import { DIRECTION_REASON } from '../player/Direction'
import { Cover } from './Cover'
import styles from './FileRow.module.css'
import type { Lift, Reorder } from './reorder'

interface FileRowProps {
  readonly file: FileView
  /** Its place in the order of songs, from 0, and how many there are. */
  readonly index: number
  readonly count: number
  readonly reorder: Reorder
}

export function FileRow({ file, index, count, reorder }: FileRowProps) {
  const party = useParty()
  const { swarm, selection, me } = useView()
  const members = swarm?.members ?? []
  const shares = sharesOf(file, members)
  const ready = shares.filter((share) => share.state === 'whole' || share.state === 'playable').length
  const title = titleOf(file)
  const selected = selection === file.fileId
  const onAir = party.onAir.value === file.fileId
  const owner = file.mine
    ? words().files.fromYou
    : file.owners[0]
      ? words().files.by(nameById(members, file.owners[0]))
      : null
  const facts = [file.media.durationMs === null ? null : clockTime(file.media.durationMs), byteSize(file.size), owner]
  const about = (
    <>
      <Cover fileId={file.fileId} artwork={file.artwork} />
      <span class={styles['text']}>
        <span class={styles['title']}>
          {swarm?.isDirector && <span class="visually-hidden">{words().files.select} </span>}
          <bdi>{title}</bdi>
        </span>
        {file.media.artist && (
          <span class={styles['artist']}>
            <bdi>{file.media.artist}</bdi>
          </span>
        )}
        <span class={styles['soft']}>{inLine(facts)}</span>
      </span>
    </>
  )
  const moves = (swarm?.isDirector ?? false) && count > 1
  return (
    <li class={`${styles['row']} ${selected ? styles['selected'] : ''} ${liftClass(reorder.lift, file.fileId, index)}`}>
      <div class={styles['head']}>
        {swarm?.isDirector ? (
          <button
            type="button"
            class={styles['choose']}
            aria-pressed={selected}
            onClick={() => party.ask({ type: 'selectFile', fileId: file.fileId })}
          >
            {about}
          </button>
        ) : (
          <div class={styles['choose']}>{about}</div>
        )}
        <div class={styles['tools']}>
          <Place file={file} selected={selected} onAir={onAir} />
          {moves && (
            <button
              type="button"
              class={styles['handle']}
              aria-label={words().files.move(title, index + 1, count)}
              title={words().files.moveHint}
              {...reorder.handle(file.fileId, index)}
            >
              <Icon name="handle" />
            </button>
          )}
        </div>
      </div>

      {file.fault && (
        <p class={styles['fault']}>
          {words().notices[file.fault.code]}{' '}
          {file.fault.detail && <bdi class={styles['soft']}>{file.fault.detail}</bdi>}
        </p>
      )}

      <details class={styles['who']}>
        <summary aria-label={`${readyText(ready, members.length)}. ${words().files.whoHas(title)}`}>
          <Bars shares={shares} />
          <span>{readyText(ready, members.length)}</span>
          <Icon name="chevron" />
        </summary>
        <ul>
          {shares.map((share) => (
            <li key={share.userId}>
              <span>
                <bdi>{nameById(members, share.userId)}</bdi>
                {share.userId === me.userId && (
                  <span class={styles['soft']}>
                    {' · '}
                    {words().room.you}
                  </span>
                )}
              </span>
              <span class={share.state === 'whole' ? styles['has'] : styles['soft']}>
                {shareText(share, percentOf(share))}
              </span>
            </li>
          ))}
        </ul>
        <div class={styles['end']}>
          <p class={styles['soft']}>
            {inLine([
              words().files.peers(file.rates.peers),
              file.rates.down > 0 ? words().files.down(byteRate(file.rates.down)) : null,
              file.rates.up > 0 ? words().files.up(byteRate(file.rates.up)) : null,
            ])}
          </p>
          {moves && (
            <div class={styles['moves']}>
              <Button look="quiet" disabled={index === 0} onPress={() => reorder.move(file.fileId, index - 1)}>
                {words().files.moveUp(title)}
              </Button>
              <Button look="quiet" disabled={index === count - 1} onPress={() => reorder.move(file.fileId, index + 1)}>
                {words().files.moveDown(title)}
              </Button>
            </div>
          )}
          <Button look="quiet" onPress={() => party.ask({ type: 'removeFile', fileId: file.fileId })}>
            {file.mine ? words().files.remove(title) : words().files.forget(title)}
          </Button>
        </div>
      </details>
    </li>
  )
}

/** How a row looks while one is held: that one, and the edge at which it would come to stand. */
function liftClass(lift: Lift | null, id: string, index: number): string {
  if (lift === null) return ''
  if (lift.id === id) return styles['lifted'] ?? ''
  if (lift.to !== index) return ''
  return (lift.to < lift.from ? styles['before'] : styles['after']) ?? ''
}

/** Where the song stands in the order of things, and the way to the next place. */
function Place({
  file,
  selected,
  onAir,
}: {
  readonly file: FileView
  readonly selected: boolean
  readonly onAir: boolean
}) {
  const party = useParty()
  const { swarm } = useView()
  const isNext = party.next.value === file.fileId
  const badge = onAir ? words().files.onAir : isNext ? words().files.next : selected ? words().files.selected : null
  const playsNext = party.onAir.value !== null && !onAir && !isNext
  return (
    <div class={styles['place']}>
      {badge !== null && <span class={`${styles['badge']} ${onAir ? styles['lit'] : ''}`}>{badge}</span>}
      {playsNext && (
        <IconButton
          icon="next"
          label={words().files.playNext(titleOf(file))}
          disabled={!swarm?.isDirector}
          describedBy={swarm?.isDirector ? undefined : DIRECTION_REASON}
          onPress={() => party.ask({ type: 'playNext', fileId: file.fileId })}
        />
      )}
    </div>
  )
}

/** One segment per device, filled as far as it holds the song. The words beside it say the same. */
function Bars({ shares }: { readonly shares: readonly Share[] }) {
  return (
    <span class={styles['bars']} aria-hidden="true">
      {shares.map((share) => (
        <span key={share.userId} class={`${styles['bar']} ${styles[share.state]}`}>
          <span style={{ inlineSize: `${percentOf(share)}%` }} />
        </span>
      ))}
    </span>
  )
}
