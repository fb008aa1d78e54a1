/** A labelled place to type, with a hint or a fault below it that assistive technology reads too. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import styles from './Field.module.css'

interface FieldProps {
  readonly label: string
  readonly hint?: string
  readonly fault?: string | null
  /** Draws the control; it must carry these attributes. */
  readonly children: (attributes: ControlAttributes) => ComponentChildren
}

export interface ControlAttributes {
  readonly id: string
  readonly class: string
  readonly 'aria-describedby'?: string
  readonly 'aria-invalid'?: 'true'
}

export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId()
  const note = fault ?? hint
  return (
    <div class={styles['field']}>
      <label for={id}>{label}</label>
      {children({
        id,
        class: styles['control'] ?? '',
        ...(note ? { 'aria-describedby': `${id}-note` } : {}),
        ...(fault ? { 'aria-invalid': 'true' } : {}),
      })}
      {note && (
        <p id={`${id}-note`} class={fault ? styles['fault'] : styles['hint']} role={fault ? 'alert' : undefined}>
          {note}
        </p>
      )}
    </div>
  )
}
