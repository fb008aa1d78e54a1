import { expect, test } from 'vitest'
import { waitAfter } from './backoff'

const RETRY = { first: 1_000, longest: 30_000 }

test('each failure doubles the wait, up to the longest', () => {
  expect([1, 2, 3, 6, 60].map((failures) => waitAfter(failures, RETRY, 0.999))).toEqual(
    [1_000, 2_000, 4_000, 30_000, 30_000].map((full) => full * (0.5 + 0.999 / 2)),
  )
})

test('chance spreads a wait over its upper half', () => {
  expect(waitAfter(1, RETRY, 0)).toBe(500)
  expect(waitAfter(1, RETRY, 0.5)).toBe(750)
})
