/** Where this device's sound goes, and how much earlier it has to be sent there. */
import { Field } from '../../elements/Field'
import { Panel } from '../../elements/Panel'
import { en } from '../../i18n/en'
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
    <Panel title={en.speaker.title}>
      <Field
        label={en.speaker.output}
        {...(output.latencyMs === null ? {} : { hint: en.speaker.latency(output.latencyMs.toFixed(0)) })}
      >
        {(attributes) => (
          <select
            {...attributes}
            value={chosen ?? SYSTEM_DEFAULT}
            onChange={(event) => party.ask({ type: 'setOutput', id: event.currentTarget.value || null })}
          >
            <option value={SYSTEM_DEFAULT}>
              {standard ? `${en.speaker.systemDefault} (${standard.name})` : en.speaker.systemDefault}
            </option>
            {outputs.map((choice) => (
              <option key={choice.id} value={choice.id}>
                {choice.name}
              </option>
            ))}
            {missing && <option value={chosen}>{en.speaker.missing(chosen)}</option>}
          </select>
        )}
      </Field>
      <DelaySlider />
    </Panel>
  )
}
