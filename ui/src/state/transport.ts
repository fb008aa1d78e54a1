/** What the buttons of the player do, by what the device is doing. Pure. */
import type { FileView } from '../protocol/generated/FileView'
import type { Intent } from '../protocol/generated/Intent'
import type { PlaybackState } from '../protocol/generated/PlaybackState'
import type { PlaybackView } from '../protocol/generated/PlaybackView'

/** True while a song has the place on the time line, sounding or not. */
export function isOnAir(state: PlaybackState): boolean {
  switch (state) {
    case 'waiting':
    case 'armed':
    case 'playing':
    case 'paused':
      return true
    case 'stopped':
    case 'ended':
    case 'failed':
      return false
    default:
      return state satisfies never
  }
}

/** What the large button asks for. */
export type MainAction = 'play' | 'pause' | 'resume'

export function mainAction(state: PlaybackState): MainAction {
  if (state === 'paused') return 'resume'
  return isOnAir(state) ? 'pause' : 'play'
}

/** The song on air, else the chosen one; null when there is neither. */
export function shownFile(
  files: readonly FileView[],
  playback: Pick<PlaybackView, 'state' | 'onAir'>,
  selection: string | null,
): FileView | null {
  const id = isOnAir(playback.state) ? playback.onAir?.fileId : selection
  return files.find((candidate) => candidate.fileId === id) ?? null
}

/** Goes to `positionMs`: within the song on air, else by playing the song from there. */
export function moveTo(playback: PlaybackView, fileId: string, positionMs: number): Intent {
  return isOnAir(playback.state) ? { type: 'seek', positionMs } : { type: 'play', fileId, positionMs }
}

/** Repeats the whole song, or no longer; null when its length is not known. */
export function toggleRepeat(playback: PlaybackView, durationMs: number | null): Intent | null {
  if (playback.onAir?.repeat) return { type: 'setRepeat', repeat: null }
  return durationMs === null ? null : { type: 'setRepeat', repeat: { fromMs: 0, toMs: durationMs } }
}
