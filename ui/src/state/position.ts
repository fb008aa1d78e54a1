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

/**
 * Time between two drawings: the bar moves a pixel in that time, and drawing for every frame
 * took half a core in a webview without a graphics card. (milliseconds)
 */
const DRAWING_PAUSE = 250

/** The position, renewed four times a second while the song plays. (milliseconds) */
export function usePosition(): ReadonlySignal<number | null> {
  const party = useParty()
  const position = useMemo(() => signal<number | null>(null), [])
  useSignalEffect(() => {
    const { playback } = party.view
    const receivedAt = party.playbackAt.value
    const draw = (): void => {
      position.value = positionAt(playback, receivedAt, performance.now())
    }
    draw()
    if (playback.state !== 'playing') return undefined
    const timer = setInterval(draw, DRAWING_PAUSE)
    return () => clearInterval(timer)
  })
  return position
}
