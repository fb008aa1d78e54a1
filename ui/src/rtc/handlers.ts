/** The `on…` properties of DOM objects, for objects that are made here. */

export type Handler<E extends Event> = ((event: E) => void) | null

/** Tells the listeners of `target`, and the one in its `on…` property, of an event. */
export function fire<E extends Event>(target: EventTarget, event: E, handler: Handler<E>): void {
  target.dispatchEvent(event)
  try {
    handler?.(event)
  } catch (error) {
    // As with any listener in a browser: it is reported, and stops nothing.
    queueMicrotask(() => {
      throw error
    })
  }
}
