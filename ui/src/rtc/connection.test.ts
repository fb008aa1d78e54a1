/* oxlint-disable unicorn/prefer-add-event-listener -- WebTorrent uses the properties, so they are what is tested. */
import { expect, test, vi } from 'vitest'
import type { DataChannel } from './channel'
import { PeerConnection } from './connection'
import { FakeHost, settled } from './fake-host'
import type { ConnectionEvent } from './host'
import wire from './wire.json?raw'

const OPENED = 2
const CLOSED = 3

test('an offer holds every candidate once the null candidate was seen', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  const seen: string[] = []
  connection.onicecandidate = ({ candidate }) => seen.push(candidate?.address ?? 'end')
  connection.onicegatheringstatechange = () => seen.push(connection.iceGatheringState)
  // As a fast core does: its events overtake its answer.
  host.whileSettingLocal = () => events('candidate', 'gathering').forEach(host.emit)

  const offer = await connection.createOffer()
  offer.sdp = offer.sdp.replace('x', 'y')
  await connection.setLocalDescription(offer)
  seen.push('local description is set')
  await settled()

  expect(seen).toEqual(['local description is set', '192.0.2.2', 'gathering', 'complete', 'end'])
  expect(connection.localDescription?.sdp).toBe('v=0 whole')
})

test('the signalling state follows both halves of a negotiation', async () => {
  const connection = new PeerConnection(new FakeHost())
  const states: string[] = []
  connection.onsignalingstatechange = () => states.push(connection.signalingState)
  await connection.setLocalDescription()
  await connection.setRemoteDescription({ type: 'answer', sdp: 'v=0' })
  await connection.setRemoteDescription({ type: 'offer', sdp: 'v=0' })
  await connection.setLocalDescription()
  expect(states).toEqual(['have-local-offer', 'stable', 'have-remote-offer', 'stable'])
})

test('calls take effect in the order they were made', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  connection.createDataChannel('wire')
  await Promise.all([
    connection.createOffer(),
    connection.setLocalDescription({ type: 'offer', sdp: 'v=0' }),
    connection.setRemoteDescription({ type: 'answer', sdp: 'v=0' }),
    connection.addIceCandidate({ candidate: 'candidate:1' }),
  ])
  expect(host.calls).toEqual(['open', 'createChannel', 'createOffer', 'setLocal', 'setRemote', 'addCandidate'])
})

test('the end of candidates is not passed on', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  await connection.addIceCandidate(null)
  await connection.addIceCandidate({ candidate: '' })
  expect(host.calls).not.toContain('addCandidate')
})

test('statistics always name a selected pair', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  const before = [...(await connection.getStats()).values()]
  expect(before).toMatchObject([{ type: 'candidate-pair', selected: true }])

  host.path = JSON.parse(wire).selectedPath
  const after = await connection.getStats()
  expect(after.get('remote')).toMatchObject({ type: 'remote-candidate', address: '192.0.2.3', port: 40001 })
  expect(connection.getStats.length, 'WebTorrent takes it for a callback style otherwise').toBe(0)
})

test('a channel of the other side can be listened to before its first message', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  await connection.createOffer()
  const messages: unknown[] = []
  connection.ondatachannel = ({ channel }) => {
    expect(channel).toMatchObject({ label: 'wire', maxRetransmits: 3, readyState: 'connecting' })
    channel.onopen = () => messages.push('open')
    channel.onmessage = ({ data }) => messages.push(data)
    channel.onclose = () => messages.push('close')
  }
  host.deliver([OPENED, ''], [0, 'hello'], [CLOSED, ''])
  events('channel').forEach(host.emit)
  await settled()
  expect(messages).toEqual(['open', 'hello', 'close'])
})

test('states of the connection are told as they change', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  const seen: string[] = []
  connection.oniceconnectionstatechange = () => seen.push(`ice ${connection.iceConnectionState}`)
  connection.addEventListener('connectionstatechange', () => seen.push(connection.connectionState))
  events('iceConnection', 'connection').forEach(host.emit)
  await settled()
  expect(seen).toEqual(['ice connected', 'connected'])
})

test('closing ends everything without an event', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  const channel = await openChannel(host, connection)
  const seen: string[] = []
  channel.onclose = () => seen.push('close')
  connection.onconnectionstatechange = () => seen.push('state')
  connection.close()
  connection.close()
  events('connection').forEach(host.emit)
  host.deliver([1, new Uint8Array([1])])
  await settled()
  expect(seen).toEqual([])
  expect([connection.connectionState, channel.readyState]).toEqual(['closed', 'closed'])
  expect(host.calls.filter((call) => call === 'close')).toHaveLength(1)
  await expect(connection.createOffer()).rejects.toThrow('closed')
  expect(() => connection.createDataChannel('late')).toThrow('closed')
})

test('a connection that cannot open fails every call and every channel', async () => {
  const host = new FakeHost()
  host.refusal = new Error('256 connections are open')
  const connection = new PeerConnection(host)
  const channel = connection.createDataChannel('wire')
  const errors: string[] = []
  channel.onerror = ({ error }) => errors.push(error.message)
  await expect(connection.createOffer()).rejects.toThrow('256')
  expect(errors).toEqual(['256 connections are open'])
  expect(channel.readyState).toBe('closed')
})

test('a handler that throws is reported and stops nothing', async () => {
  const host = new FakeHost()
  const connection = new PeerConnection(host)
  const channel = await openChannel(host, connection)
  const seen: unknown[] = []
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined)
  channel.onmessage = ({ data }) => {
    seen.push(data)
    throw new Error('of the page')
  }
  host.deliver([0, 'one'], [0, 'two'])
  await settled()
  expect(seen).toEqual(['one', 'two'])
  expect(later).toHaveBeenCalledTimes(2)
  for (const [report] of later.mock.calls) expect(report).toThrow('of the page')
  later.mockRestore()
})

/** Examples that the core's own tests read too. */
function events(...types: ConnectionEvent['type'][]): ConnectionEvent[] {
  const all: ConnectionEvent[] = JSON.parse(wire).events
  return all.filter(({ type }) => types.includes(type))
}

async function openChannel(host: FakeHost, connection: PeerConnection): Promise<DataChannel> {
  const channel = connection.createDataChannel('wire')
  host.deliver([OPENED, ''])
  await settled()
  expect(channel.readyState).toBe('open')
  return channel
}
