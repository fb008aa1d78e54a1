/** The speaker delay: heard while it is moved, so every step is sent, but not each pixel. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { IconButton } from '../../elements/Button'
import { milliseconds, spokenMilliseconds } from '../../i18n/format'
import { words } from '../../i18n/words'
import { MAX_SPEAKER_DELAY_MS } from '../../protocol/limits'
import { useParty, useView } from '../../state/party'
import styles from './DelaySlider.module.css'

/** Shortest time between two steps that are sent. (milliseconds) */
const SEND_EVERY = 120
/** One press of the buttons: below what is heard as an echo, above what is tedious. (milliseconds) */
const STEP = 5

export function DelaySlider() {
  const party = useParty()
  const delay = Math.round(useView().settings.speakerDelayMs)
  const [dragged, setDragged] = useState<number | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
  const id = useId()
  const shown = dragged ?? delay

  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current)
    },
    [],
  )

  function send(ms: number): void {
    if (timer.current !== null) clearTimeout(timer.current)
    timer.current = null
    party.ask({ type: 'setSpeakerDelay', ms })
  }

  function drag(ms: number): void {
    setDragged(ms)
    if (timer.current !== null) clearTimeout(timer.current)
    timer.current = setTimeout(() => send(ms), SEND_EVERY)
  }

  function settle(ms: number): void {
    setDragged(null)
    send(Math.min(MAX_SPEAKER_DELAY_MS, Math.max(0, ms)))
  }

  return (
    <div class={styles['delay']}>
      <div class={styles['head']}>
        <label for={id}>{words().speaker.delay}</label>
        <span aria-hidden="true">{milliseconds(shown)}</span>
      </div>
      <div class={styles['row']}>
        <IconButton
          icon="minus"
          label={words().speaker.lessDelay(milliseconds(STEP))}
          disabled={shown <= 0}
          onPress={() => settle(shown - STEP)}
        />
        <input
          id={id}
          type="range"
          min={0}
          max={MAX_SPEAKER_DELAY_MS}
          step={1}
          value={shown}
          aria-valuetext={spokenMilliseconds(shown)}
          aria-describedby={`${id}-hint`}
          style={{ '--part': `${(shown / MAX_SPEAKER_DELAY_MS) * 100}%` }}
          onInput={(event) => drag(event.currentTarget.valueAsNumber)}
          onChange={(event) => settle(event.currentTarget.valueAsNumber)}
        />
        <IconButton
          icon="add"
          label={words().speaker.moreDelay(milliseconds(STEP))}
          disabled={shown >= MAX_SPEAKER_DELAY_MS}
          onPress={() => settle(shown + STEP)}
        />
      </div>
      <p id={`${id}-hint`} class={styles['hint']}>
        {words().speaker.delayHint}
      </p>
    </div>
  )
}
