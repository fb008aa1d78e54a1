/**
 * How long to wait before trying again: twice as long after each failure, spread by chance so
 * that members who lost something together do not come back together.
 */
export interface Backoff {
  /** Shortest wait. (milliseconds) */
  readonly first: number
  /** Longest wait. (milliseconds) */
  readonly longest: number
}

/** Wait after the `failures`-th failure in a row. `chance` lies in [0, 1). (milliseconds) */
export function waitAfter(failures: number, backoff: Backoff, chance: number): number {
  const full = Math.min(backoff.longest, backoff.first * 2 ** Math.max(0, failures - 1))
  return full * (0.5 + chance / 2)
}
