/**
 * How loud the song is from beginning to end, what of it was heard, and what has not arrived here.
 * Decoration behind the slider, which says the place in words. Drawn once a song: only the edge of
 * what was heard moves, by `--part`.
 */
import { useMemo } from 'preact/hooks'
import { WAVEFORM_COLUMNS } from '../../protocol/limits'
import { outlineOf } from '../../state/waveform'
import styles from './Waveform.module.css'

interface WaveformProps {
  readonly waveform: string
  /** First column and the one behind the last, of each stretch that is not here. */
  readonly missing: readonly (readonly [number, number])[]
}

export function Waveform({ waveform, missing }: WaveformProps) {
  const { columns, path } = useMemo(() => outlineOf(waveform), [waveform])
  const outline = (part: string | undefined) => (
    <svg class={part} viewBox={`0 0 ${columns} 2`} preserveAspectRatio="none">
      <path d={path} fill="currentColor" />
    </svg>
  )
  return (
    <span class={styles['waveform']} aria-hidden="true">
      {outline(styles['whole'])}
      {outline(styles['heard'])}
      {missing.map(([first, end]) => (
        <span
          key={first}
          class={styles['missing']}
          style={{ insetInlineStart: share(first), inlineSize: share(end - first) }}
        />
      ))}
    </span>
  )
}

function share(columns: number): string {
  return `${(columns / WAVEFORM_COLUMNS) * 100}%`
}
