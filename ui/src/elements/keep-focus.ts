/**
 * Keeps the keyboard where it was when the element that had the focus goes away: a song that is
 * removed, a button that has done its work. Without this the next Tab begins at the top of the page.
 */

/** Watches `root` until the signal ends it. */
export function keepFocus(root: HTMLElement, signal: AbortSignal): void {
  let last: Element | null = null
  root.addEventListener(
    'focusin',
    ({ target }) => {
      last = target instanceof Element ? target : null
    },
    { signal },
  )
  const observer = new MutationObserver((changes) => {
    if (last === null || last.isConnected || !isNowhere(document.activeElement)) return
    const lost = last
    last = null
    const change = changes.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(lost)))
    if (change) nearest(change, root)?.focus()
  })
  observer.observe(root, { childList: true, subtree: true })
  signal.addEventListener('abort', () => observer.disconnect())
}

function isNowhere(element: Element | null): boolean {
  return element === null || element === document.body
}

/** What can have the focus: in what followed, in what came before, else in what is around. */
function nearest({ nextSibling, previousSibling, target }: MutationRecord, root: HTMLElement): HTMLElement | null {
  const beside = firstIn(nextSibling) ?? firstIn(previousSibling)
  if (beside) return beside
  for (let around: Node | null = target; around !== null; around = around === root ? null : around.parentNode) {
    const found = firstIn(around)
    if (found) return found
  }
  return null
}

function firstIn(node: Node | null): HTMLElement | null {
  if (!(node instanceof HTMLElement) || !node.isConnected) return null
  if (node.matches(FOCUSABLE)) return node
  const inside = [...node.querySelectorAll<HTMLElement>(FOCUSABLE)]
  return inside.find((element) => element.checkVisibility()) ?? null
}

const FOCUSABLE = 'a[href], button:not(:disabled), summary, input:not(:disabled), select, textarea'
