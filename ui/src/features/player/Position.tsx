/**
 * How far the song is, over a picture of how loud it is. The director moves it; everyone else sees it.
 * It runs from left to right in every language, as signs of playing do.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { clockTime, percentage, spokenTime } from '../../i18n/format'
import { words } from '../../i18n/words'
import type { FileView } from '../../protocol/generated/FileView'
import { WAVEFORM_COLUMNS } from '../../protocol/limits'
import { useParty, useView } from '../../state/party'
import { usePosition } from '../../state/position'
import { moveTo } from '../../state/transport'
import styles from './Position.module.css'
import { Waveform } from './Waveform'

/** One press of an arrow key. (milliseconds) */
const STEP = 5_000
/** One press of a page key. (milliseconds) */
const LEAP = 30_000
/** Presses this close together move every device once and not each time. (milliseconds) */
const KEYS_SETTLE = 300
/** How long the wished place is shown at most, until the core shows it. (milliseconds) */
const ANSWER = 1_000

export function Position({ file }: { readonly file: FileView | null }) {
  const { playback, swarm } = useView()
  const position = usePosition()
  const duration = playback.durationMs ?? file?.media.durationMs ?? null
  const known = file !== null && playback.onAir?.fileId === file.fileId ? position.value : null
  const wish = useWish(file, duration ?? 0)
  if (file === null || duration === null) return null

  const shown = Math.min(wish.place ?? known ?? 0, duration)
  const part = duration > 0 ? shown / duration : 0
  const spoken = spokenPlace(file, shown, duration)
  const { waveform } = file.media

  function press(event: KeyboardEvent): void {
    const to = placeOf(event.key, shown, duration ?? 0)
    if (to === null) return
    event.preventDefault()
    wish.press(to)
  }

  return (
    <div class={styles['position']} dir="ltr" style={{ '--part': `${part * 100}%` }}>
      <span class={styles['time']} aria-hidden="true">
        {clockTime(shown)}
      </span>
      <div class={`${styles['place']} ${waveform ? styles['drawn'] : ''}`}>
        {waveform && <Waveform waveform={waveform} missing={file.missing ?? []} />}
        {swarm?.isDirector && known !== null ? (
          <input
            type="range"
            class={styles['range']}
            aria-label={words().player.position}
            aria-valuetext={spoken}
            min={0}
            max={Math.round(duration)}
            step={1}
            value={Math.round(shown)}
            onKeyDown={press}
            onInput={(event) => wish.drag(event.currentTarget.valueAsNumber)}
            onChange={(event) => wish.settle(event.currentTarget.valueAsNumber)}
          />
        ) : (
          <progress
            class={styles['track']}
            aria-label={words().player.position}
            aria-valuetext={spoken}
            max={duration}
            value={shown}
          />
        )}
      </div>
      <End shown={shown} duration={duration} />
    </div>
  )
}

/** What is left of the song, or how long it is: a tap swaps them. */
function End({ shown, duration }: { readonly shown: number; readonly duration: number }) {
  const [left, setLeft] = useState(true)
  const label = left ? words().player.showLength : words().player.showLeft
  return (
    <button type="button" class={styles['end']} title={label} onClick={() => setLeft(!left)}>
      {left ? `−${clockTime(duration - shown)}` : clockTime(duration)}
    </button>
  )
}

/** Where the song is, and how much of it is here if that is not all. */
function spokenPlace(file: FileView, shown: number, duration: number): string {
  const place = words().player.of(spokenTime(shown), spokenTime(duration))
  const lacking = (file.missing ?? []).reduce((sum, [first, end]) => sum + end - first, 0)
  if (lacking === 0) return place
  const percent = Math.floor((1 - lacking / WAVEFORM_COLUMNS) * 100)
  return words().player.hereOf(place, percentage(percent))
}

interface Wish {
  /** Where the person wants the song to be; null when they are content. (milliseconds) */
  readonly place: number | null
  drag(to: number): void
  press(to: number): void
  settle(to: number): void
}

/** The place a person asks for, from the first touch until the core has taken the song there. */
function useWish(file: FileView | null, duration: number): Wish {
  const party = useParty()
  const { playback } = useView()
  const [place, setPlace] = useState<number | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)

  function after(ms: number, act: () => void): void {
    if (timer.current !== null) clearTimeout(timer.current)
    timer.current = setTimeout(act, ms)
  }

  function settle(to: number): void {
    const within = Math.min(duration, Math.max(0, to))
    setPlace(within)
    after(ANSWER, () => setPlace(null))
    const { playback: newest } = party.view
    // Another song may have begun since the key was pressed.
    if (file && newest.onAir?.fileId === file.fileId) party.ask(moveTo(newest, file.fileId, within))
  }

  // The song was put somewhere: by this wish, or by someone else's.
  useEffect(() => setPlace(null), [playback.onAir])
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current)
    },
    [],
  )
  return {
    place,
    drag: setPlace,
    press(to) {
      setPlace(to)
      after(KEYS_SETTLE, () => settle(to))
    },
    settle,
  }
}

/** Where a key leads from `from`; null when it is no key of the slider. (milliseconds) */
function placeOf(key: string, from: number, duration: number): number | null {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return Math.max(0, from - STEP)
    case 'ArrowRight':
    case 'ArrowUp':
      return Math.min(duration, from + STEP)
    case 'PageDown':
      return Math.max(0, from - LEAP)
    case 'PageUp':
      return Math.min(duration, from + LEAP)
    case 'Home':
      return 0
    case 'End':
      return duration
    default:
      return null
  }
}
