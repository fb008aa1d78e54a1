/**
 * Moving a row of a list to another place: by its handle with a finger or a mouse, or by arrow keys.
 * Pointer events and not the drag events of HTML: those belong to files that are dropped on the window.
 *
 * What is said and where the focus stays follows the list that comes back, for the core may refuse.
 */
import type { RefObject, TargetedKeyboardEvent, TargetedPointerEvent } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { words } from '../../i18n/words'

/** A row that is held, and where it would come to stand. */
export interface Lift {
  readonly id: string
  readonly from: number
  readonly to: number
}

export interface Reorder {
  readonly lift: Lift | null
  /** What happened, for those who listen to the screen. */
  readonly said: string
  /** Asks for a row to be moved to a place, counted from 0. */
  move(id: string, to: number): void
  /** What the handle of a row listens to. */
  handle(id: string, index: number): HandleEvents
}

/** A row on its way, and what had the focus when it went. */
interface Asked {
  readonly id: string
  readonly to: number
  readonly focus: Element | null
}

interface HandleEvents {
  onPointerDown(event: TargetedPointerEvent<HTMLButtonElement>): void
  onPointerMove(event: TargetedPointerEvent<HTMLButtonElement>): void
  onPointerUp(): void
  onPointerCancel(): void
  onKeyDown(event: TargetedKeyboardEvent<HTMLButtonElement>): void
}

/** `ids` are the first rows of `list` in their order; `ask` passes on what a person wants. */
export function useReorder(
  list: RefObject<HTMLUListElement | null>,
  ids: readonly string[],
  ask: (id: string, to: number) => void,
): Reorder {
  const [lift, setLift] = useState<Lift | null>(null)
  const [said, setSaid] = useState('')
  const asked = useRef<Asked | null>(null)

  useLayoutEffect(() => {
    if (asked.current === null) return
    const { id, to, focus } = asked.current
    if (ids[to] !== id) return
    asked.current = null
    setSaid(words().files.moved(to + 1, ids.length))
    // A browser takes the focus from an element that is put elsewhere.
    if (focus instanceof HTMLElement && focus.isConnected) focus.focus()
  }, [ids])

  function move(id: string, to: number): void {
    const place = Math.min(ids.length - 1, Math.max(0, to))
    if (place === ids.indexOf(id)) return
    asked.current = { id, to: place, focus: document.activeElement }
    ask(id, place)
  }

  return {
    lift,
    said,
    move,
    handle: (id, index) => ({
      onPointerDown(event) {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setLift({ id, from: index, to: index })
      },
      onPointerMove(event) {
        if (lift?.id !== id) return
        const to = placeAt(list.current, index, ids.length, event.clientY)
        if (to !== lift.to) setLift({ ...lift, to })
      },
      onPointerUp() {
        if (lift?.id === id) move(id, lift.to)
        setLift(null)
      },
      onPointerCancel: () => setLift(null),
      onKeyDown(event) {
        const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
        if (step !== 0) {
          event.preventDefault()
          move(id, index + step)
        } else if (event.key === 'Escape' && lift !== null) {
          event.preventDefault()
          setLift(null)
        }
      },
    }),
  }
}

/** Where the row would stand among the others: behind those whose middle lies above. */
function placeAt(list: HTMLUListElement | null, index: number, count: number, y: number): number {
  const others = [...(list?.children ?? [])].slice(0, count).filter((_, row) => row !== index)
  return others.filter((row) => {
    const { top, height } = row.getBoundingClientRect()
    return top + height / 2 < y
  }).length
}
