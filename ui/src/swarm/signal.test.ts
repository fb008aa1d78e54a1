import { expect, test } from 'vitest'
import { decodeLinkSignal } from './signal'

const good = {
  v: 1,
  infoHash: 'a'.repeat(40),
  connection: 'c0ffee',
  kind: 'signal',
  signal: { type: 'offer', sdp: 'v=0' },
}

test('a call of this version is read, unknown fields and all', () => {
  const { extra: _, ...expected } = { ...good, extra: 1 }
  expect(decodeLinkSignal({ ...good, extra: 1 })).toEqual(expected)
})

test('candidates and endings are read', () => {
  const candidate = { ...good, signal: { type: 'candidate', candidate: { candidate: '' } } }
  expect(decodeLinkSignal(candidate)).toEqual(candidate)
  expect(decodeLinkSignal({ ...good, kind: 'close' })?.kind).toBe('close')
})

test.each([
  ['nothing', null],
  ['text', 'offer'],
  ['a list', [good]],
  ['another version', { ...good, v: 2 }],
  ['an info hash with path parts', { ...good, infoHash: '../'.repeat(13) + 'a' }],
  ['an info hash in capitals', { ...good, infoHash: 'A'.repeat(40) }],
  ['an endless connection name', { ...good, connection: 'a'.repeat(65) }],
  ['an unknown kind', { ...good, kind: 'run' }],
  ['a signal that is text', { ...good, signal: 'v=0' }],
  ['a description without text', { ...good, signal: { type: 'offer' } }],
  ['a candidate that is text', { ...good, signal: { type: 'candidate', candidate: 'x' } }],
  ['a request to renegotiate', { ...good, signal: { type: 'renegotiate', renegotiate: true } }],
])('%s is no signal', (_name, data) => {
  expect(decodeLinkSignal(data)).toBeNull()
})
