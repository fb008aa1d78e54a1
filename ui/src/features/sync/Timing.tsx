/** How well this device keeps time, in figures: for those who want to know. */
import { Icon } from '../../elements/Icon'
import { en } from '../../i18n/en'
import { partsPerMillion, plusMinus, shortSpan } from '../../i18n/format'
import { useView } from '../../state/party'
import styles from './Timing.module.css'

export function Timing() {
  const { playback, clock, output } = useView()
  const words = en.speaker
  const figures: readonly (readonly [string, string | null])[] = [
    [words.place, playback.errorUs === null ? null : placeText(playback.errorUs)],
    [words.correction, playback.trimPpm === null ? null : partsPerMillion(playback.trimPpm)],
    [words.jumps, String(playback.jumps)],
    [words.underruns, String(playback.underruns)],
    [words.clock, clock.uncertaintyUs === null ? null : plusMinus(clock.uncertaintyUs)],
    [words.roundTrip, clock.roundTripUs === null ? null : shortSpan(clock.roundTripUs)],
    [words.skew, clock.skewPpm === null ? null : partsPerMillion(clock.skewPpm)],
    [
      words.format,
      output.sampleRate === null || output.channels === null
        ? null
        : words.rateAndChannels(output.sampleRate, output.channels),
    ],
  ]
  return (
    <details class={styles['timing']}>
      <summary>
        {words.timing}
        <Icon name="chevron" />
      </summary>
      <dl>
        {figures.map(([name, figure]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{figure ?? words.unknown}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

/** Above zero is heard late. */
function placeText(us: number): string {
  return us < 0 ? en.speaker.early(shortSpan(us)) : en.speaker.late(shortSpan(us))
}
