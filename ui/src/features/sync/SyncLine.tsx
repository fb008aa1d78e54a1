/** One device's sync in a line: shape, word and number, and whether the number was measured. */
import { en, spokenError, syncPaths, syncStates } from '../../i18n/en'
import { partsPerMillion, shortSpan, signedSpan } from '../../i18n/format'
import type { SyncReport } from '../../protocol/generated/SyncReport'
import { SyncMark } from './SyncMark'
import styles from './SyncLine.module.css'

export function SyncLine({ report }: { readonly report: SyncReport | null }) {
  const state = report?.state ?? null
  return (
    <p class={`${styles['line']} ${styles[state ?? 'unknown']}`}>
      <SyncMark state={state} />
      <span class="visually-hidden">{en.sync.label}: </span>
      <strong>{state === null ? en.sync.unknown : syncStates[state]}</strong>
      {report && <Figure report={report} />}
    </p>
  )
}

/** The way the time comes, the rate of the sound device, and how often the song was moved audibly. */
export function SyncFacts({ report }: { readonly report: SyncReport }) {
  const facts = [
    syncPaths[report.path],
    report.ratePpm === null ? null : en.sync.rate(partsPerMillion(report.ratePpm)),
    report.jumps > 0 ? en.sync.jumps(report.jumps) : null,
  ]
  return <p class={styles['facts']}>{facts.filter((fact) => fact !== null).join(' · ')}</p>
}

function Figure({ report: { errorUs, uncertaintyUs } }: { readonly report: SyncReport }) {
  if (errorUs === null && uncertaintyUs === null) return null
  const parts = [
    errorUs === null ? null : signedSpan(errorUs),
    uncertaintyUs === null ? null : `± ${shortSpan(uncertaintyUs)}`,
  ]
  return (
    <>
      <span class={styles['figure']} aria-hidden="true">
        {parts.filter((part) => part !== null).join(' ')}
      </span>
      <span class="visually-hidden">{spokenError(errorUs, uncertaintyUs)},</span>
      <span class={styles['source']}>{errorUs === null ? en.sync.estimated : en.sync.measured}</span>
    </>
  )
}
