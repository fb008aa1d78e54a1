/** What is chosen or on air, and the one control that matters. Always in reach, at the bottom. */
import { Button } from '../../elements/Button'
import { en, notices, playbackStates } from '../../i18n/en'
import type { FileView } from '../../protocol/generated/FileView'
import type { PlaybackState } from '../../protocol/generated/PlaybackState'
import { titleOf } from '../../state/files'
import { directorName } from '../../state/members'
import { useParty, useView } from '../../state/party'
import { Cover } from '../library/Cover'
import { Position } from './Position'
import styles from './PlayerBar.module.css'

export function PlayerBar() {
  const party = useParty()
  const view = useView()
  const { playback, files, selection, swarm, output } = view
  const isDirector = swarm?.isDirector ?? false
  const onAir = isOnAir(playback.state)
  const file = files.find((candidate) => candidate.fileId === (onAir ? playback.onAir?.fileId : selection)) ?? null
  const director = directorName(view)
  return (
    <section class={styles['bar']} aria-label={en.player.label}>
      <div class={styles['inner']}>
        <div class={styles['song']}>
          {file && <Cover fileId={file.fileId} artwork={file.artwork} />}
          <div class={styles['text']}>
            <p class={styles['title']}>{file ? titleOf(file) : en.player.nothing}</p>
            <p class={styles['state']}>
              <StateMark state={playback.state} />
              {describe(file, playback.state, isDirector)}
              {isDirector && file?.media.artist && <span class={styles['artist']}> · {file.media.artist}</span>}
            </p>
            {!isDirector && (
              <p class={styles['direction']}>{director === null ? en.room.undirected : en.room.directedBy(director)}</p>
            )}
          </div>
        </div>

        {isDirector ? (
          <PlayButton
            onAir={onAir}
            disabled={!onAir && file === null}
            onPress={() => party.ask(onAir ? { type: 'stop' } : { type: 'play', fileId: null, positionMs: 0 })}
          />
        ) : (
          <Button onPress={() => party.ask({ type: 'takeDirector' })}>{en.room.take}</Button>
        )}

        <Position file={file} />
        {output.fault && (
          <p class={styles['fault']} role="alert">
            {notices[output.fault.code]}
          </p>
        )}
      </div>
    </section>
  )
}

function PlayButton({
  onAir,
  disabled,
  onPress,
}: {
  readonly onAir: boolean
  readonly disabled: boolean
  readonly onPress: () => void
}) {
  return (
    <button
      type="button"
      class={styles['play']}
      aria-label={onAir ? en.player.stop : en.player.play}
      disabled={disabled}
      onClick={onPress}
    >
      <svg aria-hidden="true" viewBox="0 0 24 24" fill="currentColor">
        {onAir ? (
          <rect x="6" y="6" width="12" height="12" rx="1.5" />
        ) : (
          <path d="M8 5.6v12.8a1 1 0 0 0 1.53.85l10.2-6.4a1 1 0 0 0 0-1.7L9.53 4.75A1 1 0 0 0 8 5.6z" />
        )}
      </svg>
    </button>
  )
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
  if (file === null) return isDirector ? en.player.nothingDirector : en.player.nothingGuest
  return playbackStates[state]
}

function isOnAir(state: PlaybackState): boolean {
  return state === 'playing' || state === 'armed' || state === 'waiting'
}
