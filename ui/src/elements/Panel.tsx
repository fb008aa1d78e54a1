/** A titled part of a screen, on a surface of its own. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import styles from './Panel.module.css'

export function Panel({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  const id = useId()
  return (
    <section class={styles['panel']} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  )
}
