/** How well this device keeps time, in figures: for those who want to know. */
import { Icon } from '../../elements/Icon'
import { number, plusMinus, shortSpan, signed } from '../../i18n/format'
import { placeText } from '../../i18n/sentences'
import { words } from '../../i18n/words'
import { useView } from '../../state/party'
import styles from './Timing.module.css'

export function Timing() {
  const { playback, clock, output } = useView()
  const { speaker, sync } = words()
  const figures: readonly (readonly [string, string | null])[] = [
    [speaker.place, playback.errorUs === null ? null : placeText(playback.errorUs, shortSpan(playback.errorUs))],
    [speaker.correction, playback.trimPpm === null ? null : sync.ppm(signed(playback.trimPpm))],
    [speaker.jumps, number(playback.jumps)],
    [speaker.underruns, number(playback.underruns)],
    [speaker.clock, clock.uncertaintyUs === null ? null : plusMinus(clock.uncertaintyUs)],
    [speaker.roundTrip, clock.roundTripUs === null ? null : shortSpan(clock.roundTripUs)],
    [speaker.skew, clock.skewPpm === null ? null : sync.ppm(signed(clock.skewPpm))],
    [
      speaker.format,
      output.sampleRate === null || output.channels === null
        ? null
        : speaker.rateAndChannels(output.sampleRate, output.channels),
    ],
  ]
  return (
    <details class={styles['timing']}>
      <summary>
        {speaker.timing}
        <Icon name="chevron" />
      </summary>
      <dl>
        {figures.map(([name, figure]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{figure ?? speaker.unknown}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
