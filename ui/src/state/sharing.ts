/**
 * Views arrive whole and often. This keeps every part that did not change the same object, so
 * that only what changed is drawn again.
 */

/** `next`, built from the parts of `previous` that equal it. */
export function keepShared<T>(previous: T, next: T): T
export function keepShared(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next)) return previous
  if (Array.isArray(previous) && Array.isArray(next)) {
    const items = next.map((item, index) =>
      index < previous.length ? keepShared<unknown>(previous[index], item) : item,
    )
    const same = items.length === previous.length && items.every((item, index) => item === previous[index])
    return same ? previous : items
  }
  if (isRecord(previous) && isRecord(next)) {
    const keys = Object.keys(next)
    const fields = keys.map((key) => [key, keepShared(previous[key], next[key])] as const)
    const same =
      keys.length === Object.keys(previous).length &&
      fields.every(([key, value]) => key in previous && value === previous[key])
    return same ? previous : Object.fromEntries(fields)
  }
  return next
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
