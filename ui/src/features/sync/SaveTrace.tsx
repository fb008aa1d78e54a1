/** Writes down what this device knows of time, for a report of bad sync. The answer is a line of the log. */
import { useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { words } from '../../i18n/words'
import type { LogLine } from '../../protocol/generated/LogLine'
import { useParty, useView } from '../../state/party'
import { LogList } from '../log/LogList'
import styles from './SyncPanel.module.css'

export function SaveTrace() {
  const party = useParty()
  const { log } = useView()
  const [askedAfter, setAskedAfter] = useState<number | null>(null)
  const answer = askedAfter === null ? undefined : answerIn(log, askedAfter)
  function save(): void {
    setAskedAfter(log.at(-1)?.number ?? 0)
    party.ask({ type: 'saveTrace' })
  }
  return (
    <div class={styles['trace']}>
      <Button icon="save" describedBy="trace-hint" onPress={save}>
        {words().sync.trace}
      </Button>
      <p id="trace-hint" class={styles['soft']}>
        {words().sync.traceHint}
      </p>
      {answer && <LogList lines={[answer]} />}
    </div>
  )
}

/** The newest line about a trace that came after line `number`. */
function answerIn(log: readonly LogLine[], number: number): LogLine | undefined {
  return log.findLast(
    (line) => line.number > number && (line.notice.code === 'trace-saved' || line.notice.code === 'trace-not-saved'),
  )
}
