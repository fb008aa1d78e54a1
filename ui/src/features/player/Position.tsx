/** How far the song is. The director moves it; everyone else sees it. */
import { useState } from 'preact/hooks'
import { en } from '../../i18n/en'
import { clockTime, spokenTime } from '../../i18n/format'
import type { FileView } from '../../protocol/generated/FileView'
import { useParty, useView } from '../../state/party'
import { usePosition } from '../../state/position'
import styles from './Position.module.css'

/** One press of an arrow key. (milliseconds) */
const STEP = 5_000

export function Position({ file }: { readonly file: FileView | null }) {
  const party = useParty()
  const { playback, swarm } = useView()
  const position = usePosition()
  const [dragged, setDragged] = useState<number | null>(null)
  const duration = playback.durationMs ?? file?.media.durationMs ?? null
  if (file === null || duration === null) return null

  const known = playback.onAir?.fileId === file.fileId ? position.value : null
  const shown = Math.min(dragged ?? known ?? 0, duration)
  const part = duration > 0 ? shown / duration : 0
  const spoken = `${spokenTime(shown)} of ${spokenTime(duration)}`

  function moveTo(to: number): void {
    setDragged(null)
    if (file) party.ask({ type: 'play', fileId: file.fileId, positionMs: to })
  }

  return (
    <div class={styles['position']} style={{ '--part': `${part * 100}%` }}>
      <span class={styles['time']} aria-hidden="true">
        {clockTime(shown)}
      </span>
      {swarm?.isDirector && known !== null ? (
        <input
          type="range"
          class={styles['range']}
          aria-label={en.player.position}
          aria-valuetext={spoken}
          min={0}
          max={Math.round(duration)}
          step={STEP}
          value={Math.round(shown)}
          onInput={(event) => setDragged(event.currentTarget.valueAsNumber)}
          onChange={(event) => moveTo(event.currentTarget.valueAsNumber)}
        />
      ) : (
        <progress
          class={styles['track']}
          aria-label={en.player.position}
          aria-valuetext={spoken}
          max={duration}
          value={shown}
        />
      )}
      <span class={styles['time']} aria-hidden="true">
        {clockTime(duration)}
      </span>
    </div>
  )
}
