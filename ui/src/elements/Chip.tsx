/** A short state in words, with a mark whose shape and colour say the same. */
import styles from './Chip.module.css'

export type Tone = 'good' | 'wait' | 'bad' | 'plain'

export function Chip({
  tone,
  children,
  label,
}: {
  readonly tone: Tone
  readonly children: string
  readonly label?: string
}) {
  return (
    <span class={`${styles['chip']} ${styles[tone]}`}>
      {tone !== 'plain' && <span class={styles['mark']} aria-hidden="true" />}
      {label && (
        <span class="visually-hidden">
          {label}
          {': '}
        </span>
      )}
      {children}
    </span>
  )
}
