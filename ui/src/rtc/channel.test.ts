/* oxlint-disable unicorn/prefer-add-event-listener -- WebTorrent uses the properties, so they are what is tested. */
import { expect, test } from 'vitest'
import { DataChannel } from './channel'
import { FakeHost, settled } from './fake-host'
import { readFrames } from './frames'

const OPENED = 2
const CLOSED = 3
const CONFIG = {
  label: 'wire',
  ordered: true,
  maxPacketLifeTime: null,
  maxRetransmits: null,
  protocol: '',
  negotiatedId: null,
}

test('messages sent in one go leave in one batch', async () => {
  const { host, channel } = await open()
  channel.send(new Uint8Array(13))
  channel.send(new Uint8Array(16_384))
  channel.send('text')
  expect(channel.bufferedAmount).toBe(13 + 16_384 + 4)
  await settled()
  expect(lengths(host)).toEqual([[13, 16_384, 4]])
})

test('one batch is on its way at a time and the next is filled meanwhile', async () => {
  const { host, channel } = await open()
  host.holdSends = true
  channel.send('1')
  await settled()
  channel.send('22')
  channel.send('333')
  await settled()
  expect(lengths(host), 'the second batch waits for the first').toEqual([[1]])
  host.releaseSend()
  await settled()
  expect(lengths(host)).toEqual([[1], [2, 3]])
})

test('a full channel says when there is room again, once', async () => {
  const { host, channel } = await open()
  host.holdSends = true
  channel.bufferedAmountLowThreshold = 65_536
  let low = 0
  channel.onbufferedamountlow = () => {
    low += 1
    expect(channel.bufferedAmount).toBeLessThanOrEqual(65_536)
  }
  channel.send('first')
  await settled()
  for (let n = 0; n < 5; n += 1) channel.send(new Uint8Array(16_384))
  expect(channel.bufferedAmount).toBe(81_920)
  await settled()
  expect(low, 'the first batch is still on its way').toBe(0)
  host.releaseSend()
  await settled()
  expect(low).toBe(1)
  host.releaseSend()
  await settled()
  expect(low, 'nothing was above the threshold any more').toBe(1)
})

test('what was sent leaves before the channel closes', async () => {
  const { host, channel } = await open()
  host.holdSends = true
  channel.send('1')
  await settled()
  channel.send('2')
  channel.close()
  expect(channel.readyState).toBe('closing')
  expect(() => channel.send('3')).toThrow('closing')
  await settled()
  host.releaseSend()
  await settled()
  expect(host.calls).not.toContain('closeChannel')
  host.releaseSend()
  await settled()
  expect(lengths(host)).toEqual([[1], [1]])
  expect(host.calls).toContain('closeChannel')

  let closed = 0
  channel.onclose = () => {
    closed += 1
  }
  host.deliver([CLOSED, ''])
  await settled()
  expect([channel.readyState, closed]).toEqual(['closed', 1])
})

test('each message has a buffer of its own', async () => {
  const { host, channel } = await open()
  const received: unknown[] = []
  channel.onmessage = ({ data }) => received.push(data)
  host.deliver([1, new Uint8Array([1, 2])], [1, new Uint8Array([3])])
  await settled()
  expect(received).toEqual([new Uint8Array([1, 2]).buffer, new Uint8Array([3]).buffer])
})

test('a channel that breaks tells why and closes', async () => {
  const { host, channel } = await open()
  const seen: string[] = []
  channel.onerror = ({ error }) => seen.push(error.message)
  channel.onclose = () => seen.push('close')
  host.deliver([CLOSED, 'the wire was cut'])
  await settled()
  expect(seen).toEqual(['the wire was cut', 'close'])
})

test.for([
  ['a message that is too long', new Uint8Array(65_537), 'at most 65536 bytes'],
  ['a message before the channel is open', null, 'connecting'],
] as const)('%s is refused', async ([, message, reason]) => {
  const channel = message === null ? new DataChannel(CONFIG) : (await open()).channel
  expect(() => channel.send(message ?? 'early')).toThrow(reason)
})

test('a page that sends without end is stopped', async () => {
  const { host, channel } = await open()
  host.holdSends = true
  const message = new Uint8Array(65_536)
  expect(() => {
    while (true) channel.send(message)
  }).toThrow('too much is waiting')
})

async function open(): Promise<{ host: FakeHost; channel: DataChannel }> {
  const host = new FakeHost()
  const channel = new DataChannel(CONFIG)
  channel.attach({
    send: (batch) => host.send(1, 11, batch),
    receive: () => host.receive(),
    close: () => host.closeChannel(),
  })
  host.deliver([OPENED, ''])
  await settled()
  return { host, channel }
}

/** Lengths of the messages in each batch that left. */
function lengths(host: FakeHost): number[][] {
  return host.batches.map((batch) =>
    [...readFrames(new Uint8Array(batch).buffer)].map(({ payload }) => payload.byteLength),
  )
}
