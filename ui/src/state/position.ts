/**
 * Where the song is on screen. Drawing only: what is heard is timed by the core.
 */
import { signal, useSignalEffect } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PlaybackView } from '../protocol/generated/PlaybackView'
import { useParty } from './party'

/** Position at `now`, carried on from the view that came at `receivedAt`. (milliseconds) */
export function positionAt(playback: PlaybackView, receivedAt: number, now: number): number | null {
  if (playback.positionMs === null) return null
  const since = playback.state === 'playing' ? Math.max(0, now - receivedAt) : 0
  const position = Math.max(0, playback.positionMs + since)
  return playback.durationMs === null ? position : Math.min(position, playback.durationMs)
}

/** The position, renewed before each frame while the song plays. (milliseconds) */
export function usePosition(): ReadonlySignal<number | null> {
  const party = useParty()
  const position = useMemo(() => signal<number | null>(null), [])
  useSignalEffect(() => {
    const { playback } = party.view
    const receivedAt = party.playbackAt.value
    let frame = 0
    const draw = (): void => {
      position.value = positionAt(playback, receivedAt, performance.now())
      if (playback.state === 'playing') frame = requestAnimationFrame(draw)
    }
    draw()
    return () => cancelAnimationFrame(frame)
  })
  return position
}
