/** What is chosen or on air, and the controls that matter. Always in reach, at the bottom. */
import { words } from '../../i18n/words'
import type { FileView } from '../../protocol/generated/FileView'
import type { PlaybackState } from '../../protocol/generated/PlaybackState'
import { titleOf } from '../../state/files'
import { useView } from '../../state/party'
import { shownFile } from '../../state/transport'
import { Cover } from '../library/Cover'
import { DIRECTION_REASON, Direction } from './Direction'
import styles from './PlayerBar.module.css'
import { Position } from './Position'
import { Transport } from './Transport'

/** The element that the way past everything else leads to. */
export const PLAYER = 'player'

export function PlayerBar() {
  const { playback, files, selection, swarm, output } = useView()
  const isDirector = swarm?.isDirector ?? false
  const file = shownFile(files, playback, selection)
  return (
    <section id={PLAYER} tabIndex={-1} class={styles['bar']} aria-label={words().player.label}>
      <div class={styles['inner']}>
        <div class={styles['song']}>
          {file && <Cover fileId={file.fileId} artwork={file.artwork} />}
          <div class={styles['text']}>
            <p class={styles['title']}>{file ? <bdi>{titleOf(file)}</bdi> : words().player.nothing}</p>
            <p class={styles['state']}>
              <StateMark state={playback.state} />
              {describe(file, playback.state, isDirector)}
              {file?.media.artist && (
                <span class={styles['artist']}>
                  {' · '}
                  <bdi>{file.media.artist}</bdi>
                </span>
              )}
            </p>
            <Upcoming />
          </div>
        </div>
        <Transport file={file} reasonId={DIRECTION_REASON} />
        <Position file={file} />
        {!isDirector && <Direction />}
        {output.fault && (
          <p class={styles['fault']} role="alert">
            {words().notices[output.fault.code]}
          </p>
        )}
      </div>
    </section>
  )
}

/** What follows the song on air. */
function Upcoming() {
  const { playback, files } = useView()
  const [next, ...later] = playback.upcoming
  const file = files.find((candidate) => candidate.fileId === next?.fileId)
  return file ? <p class={styles['next']}>{words().player.next(titleOf(file), later.length)}</p> : null
}

function StateMark({ state }: { readonly state: PlaybackState }) {
  if (state !== 'playing') return null
  return (
    <span class={styles['pulse']} aria-hidden="true">
      <span />
      <span />
      <span />
    </span>
  )
}

/** What this device does about the song, in words. */
function describe(file: FileView | null, state: PlaybackState, isDirector: boolean): string {
  if (file === null) return isDirector ? words().player.nothingDirector : words().player.nothingGuest
  return words().playbackStates[state]
}
