/** Where this device's sound goes, and how much earlier it has to be sent there. */
import { Button } from '../../elements/Button'
import { Field } from '../../elements/Field'
import { Panel } from '../../elements/Panel'
import { milliseconds } from '../../i18n/format'
import { words } from '../../i18n/words'
import { useParty, useView } from '../../state/party'
import { DelaySlider } from './DelaySlider'

/** The choice that follows the system; no device has an empty id. */
const SYSTEM_DEFAULT = ''

export function SpeakerPanel() {
  const party = useParty()
  const { outputs, output, settings } = useView()
  const chosen = settings.output
  const missing = chosen !== null && !outputs.some((choice) => choice.id === chosen)
  const standard = outputs.find((choice) => choice.isDefault)
  return (
    <Panel title={words().speaker.title}>
      <Field
        label={words().speaker.output}
        {...(output.latencyMs === null
          ? {}
          : { hint: words().speaker.latency(milliseconds(Math.round(output.latencyMs))) })}
      >
        {(attributes) => (
          <select
            {...attributes}
            value={chosen ?? SYSTEM_DEFAULT}
            onChange={(event) => party.ask({ type: 'setOutput', id: event.currentTarget.value || null })}
          >
            <option value={SYSTEM_DEFAULT}>
              {standard ? words().speaker.systemDefaultIs(standard.name) : words().speaker.systemDefault}
            </option>
            {outputs.map((choice) => (
              <option key={choice.id} value={choice.id}>
                {choice.name}
              </option>
            ))}
            {missing && <option value={chosen}>{words().speaker.missing(chosen)}</option>}
          </select>
        )}
      </Field>
      {output.muted === null && (
        <Button onPress={() => party.ask({ type: 'setMuted', muted: true })}>{words().mute.mute}</Button>
      )}
      <DelaySlider />
    </Panel>
  )
}
