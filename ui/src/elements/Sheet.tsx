/** A sheet over the page: a native modal dialog, so focus stays inside and Escape closes it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { IconButton } from './Button'
import styles from './Sheet.module.css'

interface SheetProps {
  readonly title: string
  readonly closeLabel: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function Sheet({ title, closeLabel, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} class={styles['sheet']} aria-labelledby={id} onClose={onClose}>
      <header class={styles['head']}>
        <h2 id={id}>{title}</h2>
        <IconButton icon="close" label={closeLabel} onPress={() => dialog.current?.close()} />
      </header>
      <div class={styles['body']}>{children}</div>
    </dialog>
  )
}
