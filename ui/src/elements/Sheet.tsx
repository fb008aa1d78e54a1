/**
 * A sheet over the page: a native modal dialog, so focus stays inside, Escape closes it, and the
 * focus goes back to where it was, also when the sheet ends without having been closed.
 */
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
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
  const ended = useRef(false)
  // Before the next frame: later the focus might be somebody else's already.
  useLayoutEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => {
      // A dialog that is taken off the page while it is open does not give the focus back, one that
      // is closed does. It was not a person who closed it, so that nobody is told.
      ended.current = true
      shown?.close()
    }
  }, [])
  const close = (): void => {
    if (!ended.current) onClose()
  }
  return (
    <dialog ref={dialog} class={styles['sheet']} aria-labelledby={id} onClose={close}>
      <header class={styles['head']}>
        <h2 id={id}>{title}</h2>
        <IconButton icon="close" label={closeLabel} onPress={() => dialog.current?.close()} />
      </header>
      <div class={styles['body']}>{children}</div>
    </dialog>
  )
}
