/** What happened, newest first, in sentences. */
import { detailText } from '../../i18n/sentences'
import { words } from '../../i18n/words'
import type { LogLine } from '../../protocol/generated/LogLine'
import styles from './LogList.module.css'

export function LogList({ lines }: { readonly lines: readonly LogLine[] }) {
  if (lines.length === 0) return null
  return (
    <ol class={styles['log']}>
      {lines.toReversed().map(({ number, level, notice }) => (
        <li key={number} class={styles[level]}>
          <span class={styles['mark']} aria-hidden="true" />
          <div>
            <p>
              {level !== 'info' && (
                <strong>
                  {words().logLevels[level]}
                  {': '}
                </strong>
              )}
              {words().notices[notice.code]}
            </p>
            {notice.detail && (
              <p class={styles['detail']}>
                <bdi>{detailText(notice)}</bdi>
              </p>
            )}
          </div>
        </li>
      ))}
    </ol>
  )
}
