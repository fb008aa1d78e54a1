/**
 * Whether each thing works that a party needs, and what to do about one that does not; the log;
 * and a report to send to whoever helps.
 */
import { useEffect, useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { Chip } from '../../elements/Chip'
import type { Tone } from '../../elements/Chip'
import { Sheet } from '../../elements/Sheet'
import { words } from '../../i18n/words'
import type { CheckState } from '../../protocol/generated/CheckState'
import type { CheckSubject } from '../../protocol/generated/CheckSubject'
import { useParty, useView } from '../../state/party'
import { LogList } from '../log/LogList'
import styles from './HelpSheet.module.css'

/** What only the window can know: whether its pages can connect to each other. */
type Subject = CheckSubject | 'webrtc'

interface Check {
  readonly subject: Subject
  readonly state: CheckState
  readonly detail: string
}

const TONES = {
  running: 'wait',
  works: 'good',
  limited: 'wait',
  fails: 'bad',
  noParty: 'plain',
} as const satisfies Record<CheckState, Tone>

export function HelpSheet({ onClose }: { readonly onClose: () => void }) {
  const party = useParty()
  const { checks, log } = useView()
  useEffect(() => party.ask({ type: 'checkConnection' }), [party])
  return (
    <Sheet title={words().help.title} closeLabel={words().help.close} onClose={onClose}>
      <ul class={styles['checks']}>
        {[...checks, webrtc()].map((check) => (
          <CheckRow key={check.subject} {...check} />
        ))}
      </ul>
      <Button onPress={() => party.ask({ type: 'checkConnection' })}>{words().help.again}</Button>
      <SaveReport />
      <section class={styles['part']} aria-labelledby="help-log">
        <h3 id="help-log">{words().log.title}</h3>
        {log.length === 0 ? <p class={styles['soft']}>{words().log.empty}</p> : <LogList lines={log} />}
      </section>
    </Sheet>
  )
}

function CheckRow({ subject, state, detail }: Check) {
  const { subjects, states, remedies } = words().checks
  const remedy = state === 'limited' || state === 'fails' ? remedies[subject] : null
  return (
    <li class={styles['check']}>
      <p class={styles['subject']}>{subjects[subject]}</p>
      <Chip tone={TONES[state]}>{states[state]}</Chip>
      {remedy && <p class={styles['remedy']}>{remedy}</p>}
      {remedy && detail && (
        <p class={styles['detail']}>
          <bdi>{detail}</bdi>
        </p>
      )}
    </li>
  )
}

function webrtc(): Check {
  const is = typeof globalThis.RTCPeerConnection === 'function'
  return { subject: 'webrtc', state: is ? 'works' : 'fails', detail: '' }
}

type Outcome = 'saved' | 'failed' | null

/** The core asks where, and writes; the page never sees the file. */
function SaveReport() {
  const { host } = useParty()
  const [outcome, setOutcome] = useState<Outcome>(null)
  function save(): void {
    setOutcome(null)
    host.saveReport().then(
      (saved) => setOutcome(saved ? 'saved' : null),
      () => setOutcome('failed'),
    )
  }
  return (
    <div class={styles['part']}>
      <Button icon="save" describedBy="report-hint" onPress={save}>
        {words().help.report}
      </Button>
      <p id="report-hint" class={styles['soft']}>
        {words().help.reportHint}
      </p>
      <output>{outcome === null ? '' : words().help[outcome]}</output>
    </div>
  )
}
