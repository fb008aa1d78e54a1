/** One device's sync in a line: shape, word and number, and whether the number was measured. */
import { shortSpan, signed, signedSpan } from '../../i18n/format'
import { inLine, spokenError } from '../../i18n/sentences'
import { words } from '../../i18n/words'
import type { SyncReport } from '../../protocol/generated/SyncReport'
import { SyncMark } from './SyncMark'
import styles from './SyncLine.module.css'

export function SyncLine({ report }: { readonly report: SyncReport | null }) {
  const state = report?.state ?? null
  return (
    <p class={`${styles['line']} ${styles[state ?? 'unknown']}`}>
      <SyncMark state={state} />
      <span class="visually-hidden">
        {words().sync.label}
        {': '}
      </span>
      <strong>{state === null ? words().sync.unknown : words().syncStates[state]}</strong>
      {report && <Figure report={report} />}
    </p>
  )
}

/** The way the time comes, the rate of the sound device, and how often the song was moved audibly. */
export function SyncFacts({ report }: { readonly report: SyncReport }) {
  const facts = [
    words().syncPaths[report.path],
    report.ratePpm === null ? null : words().sync.rate(words().sync.ppm(signed(report.ratePpm))),
    report.jumps > 0 ? words().sync.jumps(report.jumps) : null,
  ]
  return <p class={styles['facts']}>{inLine(facts)}</p>
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
      <span class="visually-hidden">
        {spokenError(errorUs, uncertaintyUs)}
        {', '}
      </span>
      <span class={styles['source']}>{errorUs === null ? words().sync.estimated : words().sync.measured}</span>
    </>
  )
}
