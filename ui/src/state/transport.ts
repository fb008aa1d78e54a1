/** What the buttons of the player do, by what the device is doing. Pure. */
import type { FileView } from '../protocol/generated/FileView'
import type { Intent } from '../protocol/generated/Intent'
import type { PlaybackState } from '../protocol/generated/PlaybackState'
import type { PlaybackView } from '../protocol/generated/PlaybackView'
import type { RepeatMode } from '../protocol/generated/RepeatMode'

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

/** What one more press of the button for repeating asks for. */
export function nextRepeat(mode: RepeatMode): RepeatMode {
  switch (mode) {
    case 'off':
      return 'all'
    case 'all':
      return 'one'
    case 'one':
      return 'off'
    default:
      return mode satisfies never
  }
}
