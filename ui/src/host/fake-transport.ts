/** What a made-up party does about the song on air. Knows as much of the rules as the screens show. */
import type { FileView } from '../protocol/generated/FileView'
import type { Intent } from '../protocol/generated/Intent'
import type { View } from '../protocol/generated/View'
import { playing, stopped } from './fake-parts'
import { wander } from './fake-sync'

/** What only the director may ask for. */
export type Transport = Extract<
  Intent,
  {
    type:
      | 'play'
      | 'stop'
      | 'pause'
      | 'resume'
      | 'seek'
      | 'setRepeat'
      | 'playNext'
      | 'selectFile'
      | 'moveFile'
      | 'skipForward'
      | 'skipBack'
      | 'setRepeatMode'
      | 'setShuffle'
  }
>

/** What becomes of the state when the director asks for `intent`. */
export function directed(view: View, intent: Transport): Partial<View> {
  const { playback } = view
  const { onAir } = playback
  switch (intent.type) {
    case 'selectFile':
      return { selection: intent.fileId }
    case 'play':
      return begin(view, intent.fileId ?? view.selection, intent.positionMs)
    case 'stop':
      return { playback: stopped() }
    case 'pause':
      return onAir
        ? { playback: { ...playback, state: 'paused', onAir: { ...onAir, paused: true }, errorUs: null } }
        : {}
    case 'resume':
      return onAir ? { playback: { ...playback, state: 'armed', onAir: { ...onAir, paused: false } } } : {}
    case 'seek':
      return onAir ? { playback: { ...playback, onAir: { ...onAir }, positionMs: intent.positionMs } } : {}
    case 'setRepeat': {
      if (!onAir) return {}
      const { repeat: _before, ...rest } = onAir
      return { playback: { ...playback, onAir: intent.repeat ? { ...rest, repeat: intent.repeat } : rest } }
    }
    case 'playNext': {
      const next = { fileId: intent.fileId, globalStartTimeMs: 0, positionMs: 0 }
      return { playback: { ...playback, upcoming: [next, ...playback.upcoming] } }
    }
    case 'moveFile':
      return { files: moved(view.files, intent.fileId, intent.to) }
    case 'skipForward':
      return skipped(view, 1)
    case 'skipBack':
      return skipped(view, (playback.positionMs ?? 0) >= JUST_BEGUN ? 0 : -1)
    case 'setRepeatMode':
      return { swarm: view.swarm && { ...view.swarm, repeat: intent.mode } }
    case 'setShuffle':
      return {
        swarm: view.swarm && { ...view.swarm, shuffled: intent.on },
        files: intent.on ? drawn(view) : view.files.toSorted((a, b) => (a.infoHash < b.infoHash ? -1 : 1)),
      }
    default:
      return intent satisfies never
  }
}

/** How far into a song going back still means the song before it. (milliseconds) */
const JUST_BEGUN = 3_000

function moved(files: readonly FileView[], id: string, to: number): FileView[] {
  const others = files.filter(({ fileId }) => fileId !== id)
  return [...others.slice(0, to), ...files.filter(({ fileId }) => fileId === id), ...others.slice(to)]
}

/** Another order, the same each time: the song on air, then the others from the last to the first. */
function drawn({ files, playback }: View): FileView[] {
  return moved(files.toReversed(), playback.onAir?.fileId ?? '', 0)
}

function skipped(view: View, step: number): Partial<View> {
  const { files, playback, selection } = view
  const place = files.findIndex(({ fileId }) => fileId === (playback.onAir?.fileId ?? selection))
  const file = files[(place + step + files.length) % files.length]
  if (!file) return {}
  return playback.onAir ? begin(view, file.fileId, 0) : { selection: file.fileId }
}

/** What follows the song on air by itself. */
function following({ files, playback, swarm }: View): string | null {
  const place = files.findIndex(({ fileId }) => fileId === playback.onAir?.fileId)
  const next = files[place + 1] ?? (swarm?.repeat === 'all' ? files[0] : undefined)
  return (swarm?.repeat === 'one' ? playback.onAir?.fileId : next?.fileId) ?? null
}

/** The state after the song has gone on for `ms`. */
export function playedOn(view: View, ms: number): Partial<View> {
  const { playback } = view
  const { state, positionMs, durationMs, onAir } = playback
  if (state === 'armed') return { playback: { ...playback, state: 'playing' } }
  if (state !== 'playing' || positionMs === null) return {}
  const next = positionMs + ms
  if (onAir?.repeat && next >= onAir.repeat.toMs) {
    return { playback: { ...playback, positionMs: onAir.repeat.fromMs } }
  }
  if (durationMs === null || next < durationMs) {
    return { playback: { ...playback, positionMs: next, errorUs: wander(view.clock.state, next) } }
  }
  const [told, ...later] = playback.upcoming
  const follower = told?.fileId ?? following(view)
  if (follower === null) return { playback: { ...playback, state: 'ended', positionMs: durationMs } }
  const { playback: started = playback } = begin(view, follower, 0)
  return { playback: { ...started, upcoming: later } }
}

function begin(view: View, id: string | null, positionMs: number): Partial<View> {
  const file = view.files.find((candidate: FileView) => candidate.fileId === id)
  if (!file) return {}
  const song = playing(file.fileId, positionMs, file.media.durationMs ?? 180_000)
  return { selection: file.fileId, playback: { ...song, state: 'armed' } }
}
