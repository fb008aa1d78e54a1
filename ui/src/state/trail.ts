/**
 * How far from its place this device was heard, over the last minute.
 *
 * The core says only how it is now; the window remembers, for the plot. Nothing here is timed:
 * moments are when a view came, on the page's clock.
 */
import { signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import type { View } from '../protocol/generated/View'

/** One measurement. Above zero is heard late. */
export interface Sample {
  /** When its view came. (milliseconds) */
  readonly at: number
  /** (microseconds) */
  readonly errorUs: number
  /** One standard deviation of the clock then. (microseconds) */
  readonly uncertaintyUs: number | null
}

export interface Trail {
  /** Oldest first, none older than a minute before the newest. */
  readonly samples: ReadonlySignal<readonly Sample[]>
  /** The page's clock. (milliseconds) */
  readonly now: () => number
  /** Remembers what a view with a new state of playing says. */
  note(view: Pick<View, 'swarm' | 'playback' | 'clock'>): void
}

/** How far back the plot goes. (milliseconds) */
export const TRAIL_SPAN = 60_000
/** Views come twenty times a second at most: a minute of them. (samples) */
const MOST = 1_200

export function createTrail(now: () => number): Trail {
  const samples = signal<readonly Sample[]>([])
  return {
    samples,
    now,
    note({ swarm, playback, clock }) {
      if (swarm === null) {
        if (samples.peek().length > 0) samples.value = []
        return
      }
      if (playback.state !== 'playing' || playback.errorUs === null) return
      const sample = { at: now(), errorUs: playback.errorUs, uncertaintyUs: clock.uncertaintyUs }
      samples.value = [...recent(samples.peek(), sample.at), sample].slice(-MOST)
    },
  }
}

/** The samples of the minute before `now`. */
export function recent(samples: readonly Sample[], now: number): readonly Sample[] {
  return samples.filter((sample) => now - sample.at <= TRAIL_SPAN)
}

/** The minute in four figures. All but the last are sizes, without a sign. (microseconds) */
export interface TrailFigures {
  readonly last: number
  readonly median: number
  readonly p95: number
  readonly largest: number
}

export function figuresOf(samples: readonly Sample[]): TrailFigures | null {
  const last = samples.at(-1)
  if (!last) return null
  const sizes = samples.map((sample) => Math.abs(sample.errorUs)).toSorted((a, b) => a - b)
  // Nearest rank: the smallest size that this part of all samples does not exceed.
  const at = (part: number): number => sizes[Math.max(0, Math.ceil(sizes.length * part) - 1)] ?? 0
  return { last: last.errorUs, median: at(0.5), p95: at(0.95), largest: at(1) }
}

/** Half heights the plot can have, so that it does not breathe with the figures. (microseconds) */
const SCALES = [25, 100, 500, 5_000] as const

/** The smallest scale that shows every sample and its band, else the largest there is. (microseconds) */
export function scaleOf(samples: readonly Sample[]): number {
  const reach = samples.reduce(
    (most, { errorUs, uncertaintyUs }) => Math.max(most, Math.abs(errorUs) + (uncertaintyUs ?? 0)),
    0,
  )
  return SCALES.find((scale) => reach <= scale) ?? SCALES[SCALES.length - 1] ?? reach
}

/** Outlines on a canvas of `width` by `height`, late above: ready for an SVG path. */
export interface Outlines {
  readonly line: string
  readonly band: string
}

/** Longer without a sample, and the line is broken: nothing was measured there. (milliseconds) */
const GAP = 2_000

/** Draws the samples with `now` at the right edge. What is beyond the scale is drawn at its edge. */
export function outlinesOf(
  samples: readonly Sample[],
  now: number,
  scale: number,
  { width, height }: { readonly width: number; readonly height: number },
): Outlines {
  const x = (at: number): string => (width * (1 - (now - at) / TRAIL_SPAN)).toFixed(1)
  const y = (us: number): string => (height * (0.5 - Math.min(1, Math.max(-1, us / scale)) / 2)).toFixed(1)
  const stretches = unbroken(recent(samples, now))
  const upper = ({ at, errorUs, uncertaintyUs }: Sample): string => `${x(at)} ${y(errorUs + (uncertaintyUs ?? 0))}`
  const lower = ({ at, errorUs, uncertaintyUs }: Sample): string => `${x(at)} ${y(errorUs - (uncertaintyUs ?? 0))}`
  return {
    line: stretches.map((part) => `M${part.map(({ at, errorUs }) => `${x(at)} ${y(errorUs)}`).join('L')}`).join(''),
    band: stretches.map((part) => `M${[...part.map(upper), ...part.toReversed().map(lower)].join('L')}Z`).join(''),
  }
}

/** The stretches without a gap. */
function unbroken(samples: readonly Sample[]): readonly (readonly Sample[])[] {
  const stretches: Sample[][] = []
  for (const sample of samples) {
    const stretch = stretches.at(-1)
    const before = stretch?.at(-1)
    if (stretch && before && sample.at - before.at <= GAP) stretch.push(sample)
    else stretches.push([sample])
  }
  return stretches
}
