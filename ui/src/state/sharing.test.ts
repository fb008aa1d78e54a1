import { expect, test } from 'vitest'
import { keepShared } from './sharing'

test('an equal view is the same view', () => {
  const before = { me: { alias: 'Otter' }, files: [{ size: 1 }, { size: 2 }], selection: null }
  expect(keepShared(before, structuredClone(before))).toBe(before)
})

test('only what changed is new', () => {
  const before = { files: [{ size: 1 }, { size: 2 }], clock: { synced: false } }
  const after = keepShared(before, { files: [{ size: 1 }, { size: 3 }], clock: { synced: false } })
  expect(after).toEqual({ files: [{ size: 1 }, { size: 3 }], clock: { synced: false } })
  expect(after.files[0]).toBe(before.files[0])
  expect(after.files[1]).not.toBe(before.files[1])
  expect(after.clock).toBe(before.clock)
})

test('fields and items that went away are gone', () => {
  expect(keepShared<object>({ a: 1, b: 2 }, { a: 1 })).toEqual({ a: 1 })
  expect(keepShared([1, 2, 3], [1, 2])).toEqual([1, 2])
  expect(keepShared<unknown>({ a: 1 }, null)).toBeNull()
  expect(keepShared<unknown>({ a: undefined }, { b: undefined })).toEqual({ b: undefined })
})
