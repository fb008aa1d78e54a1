import { expect, test } from 'vitest'
import { MAX_BATCH, Outbox, readFrames } from './frames'

test('a batch gives back the messages it was made of', () => {
  const outbox = new Outbox()
  outbox.push('text', new TextEncoder().encode('größer'))
  outbox.push('binary', new Uint8Array([1, 2, 3]))
  outbox.push('binary', new Uint8Array())
  expect(outbox.payload).toBe(11)

  const frames = [...readFrames(taken(outbox))]
  expect(frames.map(({ kind }) => kind)).toEqual(['text', 'binary', 'binary'])
  expect(frames.map(({ payload }) => [...payload])).toEqual([
    [...new TextEncoder().encode('größer')],
    [1, 2, 3],
    [],
  ])
  expect(outbox.payload).toBe(0)
  expect(outbox.shift()).toBeUndefined()
})

test('the bytes are those the core expects', () => {
  const outbox = new Outbox()
  outbox.push('binary', new Uint8Array([0xab, 0xcd]))
  expect([...new Uint8Array(taken(outbox))]).toEqual([1, 2, 0, 0, 0, 0xab, 0xcd])
})

test('a message is copied when it is pushed', () => {
  const outbox = new Outbox()
  const message = new Uint8Array([1])
  outbox.push('binary', message)
  message[0] = 9
  expect([...readFrames(taken(outbox))][0]?.payload[0]).toBe(1)
})

test('batches stay within their bound and keep the order of messages', () => {
  const outbox = new Outbox()
  const count = 100
  for (let n = 0; n < count; n += 1) outbox.push('binary', new Uint8Array(16_384).fill(n))
  const order: (number | undefined)[] = []
  let batches = 0
  for (let batch = outbox.shift(); batch !== undefined; batch = outbox.shift()) {
    expect(batch.byteLength).toBeLessThanOrEqual(MAX_BATCH)
    batches += 1
    for (const { payload } of readFrames(batch.buffer)) order.push(payload[0])
  }
  expect(order).toEqual(Array.from({ length: count }, (_, n) => n))
  expect(batches).toBe(4)
})

test.for([
  ['ends inside a header', [1, 4, 0]],
  ['ends inside a frame', [1, 4, 0, 0, 0, 1, 2]],
  ['claims more than all memory', [1, 255, 255, 255, 255]],
  ['is of a kind that does not exist', [9, 0, 0, 0, 0]],
] as const)('a batch that %s is refused', ([, bytes]) => {
  expect(() => [...readFrames(new Uint8Array(bytes).buffer)]).toThrow(RangeError)
})

function taken(outbox: Outbox): ArrayBuffer {
  const batch = outbox.shift()
  if (batch === undefined) throw new Error('the outbox is empty')
  return batch.buffer
}
