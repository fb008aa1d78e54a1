/** How well this device keeps time: now, over the last minute, in figures, and as a file. */
import { Panel } from '../../elements/Panel'
import { shortSpan } from '../../i18n/format'
import { words } from '../../i18n/words'
import { useView } from '../../state/party'
import { reportOf } from '../../state/sync'
import { ErrorPlot } from './ErrorPlot'
import { SaveTrace } from './SaveTrace'
import { SyncFacts, SyncLine } from './SyncLine'
import styles from './SyncPanel.module.css'
import { Timing } from './Timing'

export function SyncPanel() {
  return (
    <Panel title={words().sync.title}>
      <Present />
      <ErrorPlot />
      <Timing />
      <SaveTrace />
    </Panel>
  )
}

function Present() {
  const view = useView()
  const { me, swarm, clock } = view
  const own = swarm?.members.find((member) => member.userId === me.userId)
  const report = own ? reportOf(own, view) : null
  return (
    <div class={styles['present']}>
      <SyncLine report={report} />
      {report && <SyncFacts report={report} />}
      <p class={styles['soft']}>{words().syncMeanings[clock.state]}</p>
      {clock.asymmetryUs !== null && (
        <p class={styles['note']}>{words().sync.asymmetry(shortSpan(clock.asymmetryUs))}</p>
      )}
    </div>
  )
}
