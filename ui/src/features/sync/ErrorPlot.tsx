/** How far from its place this device was heard over the last minute: a plot, and a table that says the same. */
import { shortSpan, signedSpan } from '../../i18n/format'
import { words } from '../../i18n/words'
import { usePlot } from '../../state/plot'
import type { Frame } from '../../state/plot'
import { figuresOf, outlinesOf, scaleOf } from '../../state/trail'
import styles from './ErrorPlot.module.css'

/** The drawing's own units; it is stretched to the room there is. */
const CANVAS = { width: 600, height: 120 } as const

export function ErrorPlot() {
  const frame = usePlot().value
  if (frame.samples.length === 0) return <p class={styles['soft']}>{words().sync.plotEmpty}</p>
  return (
    <figure class={styles['plot']}>
      <Drawing frame={frame} />
      <Figures frame={frame} />
    </figure>
  )
}

function Drawing({ frame: { samples, now } }: { readonly frame: Frame }) {
  const scale = scaleOf(samples)
  const { line, band } = outlinesOf(samples, now, scale, CANVAS)
  const { width, height } = CANVAS
  return (
    <div class={styles['drawing']} dir="ltr" aria-hidden="true">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none">
        <path class={styles['grid']} d={`M0 ${height / 4}H${width}M0 ${(height * 3) / 4}H${width}`} />
        <path class={styles['band']} d={band} />
        <path class={styles['zero']} d={`M0 ${height / 2}H${width}`} />
        <path class={styles['line']} d={line} />
      </svg>
      <span class={styles['late']}>
        <bdi>{words().sync.late(shortSpan(scale))}</bdi>
      </span>
      <span class={styles['early']}>
        <bdi>{words().sync.early(shortSpan(scale))}</bdi>
      </span>
      <span>{words().sync.ago}</span>
      <span>{words().sync.now}</span>
    </div>
  )
}

function Figures({ frame: { samples } }: { readonly frame: Frame }) {
  const figures = figuresOf(samples)
  if (!figures) return null
  const columns: readonly (readonly [string, string])[] = [
    [words().sync.last, signedSpan(figures.last)],
    [words().sync.median, shortSpan(figures.median)],
    [words().sync.p95, shortSpan(figures.p95)],
    [words().sync.largest, shortSpan(figures.largest)],
  ]
  return (
    <table class={styles['figures']}>
      <caption>{words().sync.plot}</caption>
      <thead>
        <tr>
          {columns.map(([name]) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        <tr>
          {columns.map(([name, figure]) => (
            <td key={name}>{figure}</td>
          ))}
        </tr>
      </tbody>
    </table>
  )
}
