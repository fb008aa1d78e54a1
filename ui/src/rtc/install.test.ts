import { afterEach, expect, test } from 'vitest'
import { iceServersOf } from '../state/ice'
import { FakeHost } from './fake-host'
import { installRtc } from './install'

const NAMES = ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate']

afterEach(() => {
  for (const name of NAMES) Reflect.deleteProperty(globalThis, name)
})

test('a page without WebRTC gets it, and what an earlier page left is closed first', async () => {
  const host = new FakeHost()
  await expect(installRtc(host)).resolves.toBe(true)
  expect(host.calls).toEqual(['reset'])
  for (const name of NAMES) expect(globalThis).toHaveProperty(name)

  // As WebTorrent does: through the global names, and nothing else.
  const connection = new RTCPeerConnection({ iceServers: [{ urls: 'stun:stun.example' }] })
  expect(host.configs).toEqual([
    { iceServers: [{ urls: 'stun:stun.example', username: null, credential: null }] },
  ])
  await connection.setRemoteDescription(new RTCSessionDescription({ type: 'offer', sdp: 'v=0' }))
  await connection.addIceCandidate(new RTCIceCandidate({ candidate: 'candidate:1', sdpMid: '0' }))
  expect(host.calls).toEqual(['reset', 'open', 'setRemote', 'addCandidate'])
})

test('a server that the relay names is asked with its name and password', async () => {
  const host = new FakeHost()
  await installRtc(host)
  const turn = { urls: ['turn:turn.example'], username: '1795342400:ada', credential: 'c2VjcmV0' }
  const connection = new RTCPeerConnection({ iceServers: iceServersOf([], [turn]) })
  expect(host.configs).toEqual([{ iceServers: [turn] }])
  connection.close()
})

test('WebRTC of the webview itself stays', async () => {
  const own = { of: 'the webview' }
  Object.assign(globalThis, { RTCPeerConnection: own })
  const host = new FakeHost()
  await expect(installRtc(host)).resolves.toBe(false)
  expect(host.calls).toEqual([])
  expect(globalThis).toHaveProperty('RTCPeerConnection', own)
})
