/** The state of a device's sync as a shape. Decoration: the word stands beside it. */
import type { SyncState } from '../../protocol/generated/SyncState'
import styles from './SyncMark.module.css'

export function SyncMark({ state }: { readonly state: SyncState | null }) {
  return (
    <svg class={`${styles['mark']} ${styles[state ?? 'unknown']}`} aria-hidden="true" viewBox="0 0 16 16">
      <Shape state={state} />
    </svg>
  )
}

function Shape({ state }: { readonly state: SyncState | null }) {
  switch (state) {
    case 'locked':
      return <circle cx="8" cy="8" r="6.5" fill="currentColor" />
    case 'good':
      return (
        <>
          <circle cx="8" cy="8" r="5.5" />
          <circle cx="8" cy="8" r="2.5" fill="currentColor" stroke="none" />
        </>
      )
    case 'coarse':
      return <path d="M8 1.5 14.5 8 8 14.5 1.5 8z" />
    case 'unsynced':
      return <path d="M8 2 14.5 13.5H1.5z" fill="currentColor" />
    case null:
      return <circle cx="8" cy="8" r="5.5" stroke-dasharray="2.2 3.56" />
    default:
      return state satisfies never
  }
}
