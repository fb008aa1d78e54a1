/** When the plot is drawn: while music plays and the page can be seen, and no oftener than needed. */
import { computed, signal, useSignalEffect } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { useParty } from './party'
import { recent } from './trail'
import type { Sample } from './trail'

/** What the plot shows: the samples of a minute that ended at `now`. */
export interface Frame {
  readonly samples: readonly Sample[]
  /** (milliseconds) */
  readonly now: number
}

/** Time between two drawings: a webview without a graphics card paints each on the processor. (milliseconds) */
const DRAWING_PAUSE = 250
/** The same for those who asked for less motion. (milliseconds) */
const CALM_PAUSE = 2_000

/** The newest picture. It stands still while nothing plays. */
export function usePlot(): ReadonlySignal<Frame> {
  const party = useParty()
  const visible = usePageVisible()
  const frame = useMemo(() => signal<Frame>({ samples: [], now: 0 }), [])
  const playing = useMemo(() => computed(() => party.view.playback.state === 'playing'), [party])
  const empty = useMemo(() => computed(() => party.trail.samples.value.length === 0), [party])
  useSignalEffect(() => {
    if (!visible.value) return undefined
    const moving = playing.value
    const draw = (): void => {
      const samples = party.trail.samples.peek()
      const now = moving ? party.trail.now() : (samples.at(-1)?.at ?? 0)
      frame.value = { samples: recent(samples, now), now }
    }
    draw()
    if (!moving || empty.value) return undefined
    const timer = setInterval(draw, drawingPause())
    return () => clearInterval(timer)
  })
  return frame
}

function drawingPause(): number {
  return matchMedia('(prefers-reduced-motion: reduce)').matches ? CALM_PAUSE : DRAWING_PAUSE
}

/** False while the page is hidden: nobody sees what would be drawn. */
function usePageVisible(): ReadonlySignal<boolean> {
  const visible = useMemo(() => signal(!document.hidden), [])
  useEffect(() => {
    const look = (): void => {
      visible.value = !document.hidden
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [visible])
  return visible
}
