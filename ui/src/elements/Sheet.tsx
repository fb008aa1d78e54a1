/**
 * A sheet over the page: a native modal dialog, so focus stays inside, Escape closes it, and the
 * focus goes back to where it was, also when the sheet ends without having been closed.
 */
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
    const before = document.activeElement
    dialog.current?.showModal()
    // Taken off the page while it is open, a dialog does not give the focus back by itself.
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
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
