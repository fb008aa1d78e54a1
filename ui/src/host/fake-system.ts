/** What the fake core finds when it looks whether everything works. */
import type { CheckState } from '../protocol/generated/CheckState'
import type { CheckView } from '../protocol/generated/CheckView'
import type { View } from '../protocol/generated/View'

export function checked({ swarm, output, clock }: View): CheckView[] {
  const inParty = (state: CheckState): CheckState => (swarm === null ? 'noParty' : state)
  const online = swarm?.link === 'online'
  return [
    { subject: 'relay', state: inParty(online ? 'works' : 'fails'), detail: '' },
    { subject: 'tracker', state: inParty(online ? 'works' : 'limited'), detail: online ? '' : 'connection refused' },
    { subject: 'udp', state: inParty('limited'), detail: '' },
    { subject: 'multicast', state: swarm === null ? 'running' : 'works', detail: '' },
    { subject: 'output', state: output.id === null ? 'fails' : 'works', detail: output.fault?.detail ?? '' },
    { subject: 'clock', state: inParty(clock.synced ? 'works' : 'running'), detail: '' },
  ]
}

/** The headphones were pulled out while music played. */
export function unplugged(view: View): View {
  return {
    ...view,
    output: { ...view.output, name: 'Built-in speakers', muted: 'outputLost' },
    outputs: view.outputs.filter(({ id }) => id !== 'headphones'),
    settings: { ...view.settings, output: 'headphones' },
  }
}
