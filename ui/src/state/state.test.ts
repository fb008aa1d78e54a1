import { effect } from '@preact/signals'
import { describe, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import { stopped } from '../host/fake-parts'
import { percentOf, sharesOf, slotsUsed, titleOf } from './files'
import { iceServerOf, iceServersOf, readIceServers } from './ice'
import { inOrder, nameOf } from './members'
import { createParty } from './party'
import { positionAt } from './position'

const media = { format: null, durationMs: null, title: null, artist: null, album: null }

describe('position', () => {
  const playback = { ...stopped(), positionMs: 10_000, durationMs: 20_000 }

  test('moves on while the song plays', () => {
    expect(positionAt({ ...playback, state: 'playing' }, 500, 1_750)).toBe(11_250)
  })

  test('stands still in every other state', () => {
    for (const state of ['stopped', 'waiting', 'armed', 'paused', 'ended', 'failed'] as const) {
      expect(positionAt({ ...playback, state }, 500, 1_750)).toBe(10_000)
    }
  })

  test('never passes the end or the beginning', () => {
    expect(positionAt({ ...playback, state: 'playing' }, 0, 60_000)).toBe(20_000)
    expect(positionAt({ ...playback, state: 'playing', positionMs: -300 }, 0, 100)).toBe(0)
  })

  test('is unknown while the core does not know it', () => {
    expect(positionAt({ ...playback, positionMs: null }, 0, 100)).toBeNull()
  })
})

describe('shares', () => {
  const members = [
    { userId: 'a', alias: null, sync: null },
    { userId: 'b', alias: null, sync: null },
    { userId: 'c', alias: null, sync: null },
  ]

  test('every member has one, in the order of the members', () => {
    const readiness = [
      { userId: 'c', heldBytes: 1_000, playable: true },
      { userId: 'a', heldBytes: 300, playable: true },
    ]
    expect(sharesOf({ size: 1_000, readiness }, members)).toEqual([
      { userId: 'a', held: 0.3, state: 'playable' },
      { userId: 'b', held: 0, state: 'none' },
      { userId: 'c', held: 1, state: 'whole' },
    ])
  })

  test('a hundred percent is said only when nothing is missing', () => {
    const [share] = sharesOf({ size: 10_000, readiness: [{ userId: 'a', heldBytes: 9_999, playable: true }] }, members)
    expect(share && percentOf(share)).toBe(99)
  })

  test('files being read take up room too', () => {
    expect(slotsUsed([{ mine: true }, { mine: false }], 1)).toBe(2)
  })
})

describe('names', () => {
  test('a title comes from the tags, else from the file', () => {
    expect(titleOf({ name: 'a.flac', media: { ...media, title: 'Upstream' } })).toBe('Upstream')
    expect(titleOf({ name: '01. Upstream.flac', media })).toBe('01. Upstream')
    expect(titleOf({ name: 'Upstream', media })).toBe('Upstream')
  })

  test('a member without an alias is called by its id', () => {
    expect(nameOf({ userId: 'b0b0b0b0', alias: null, sync: null }, 'b0b0b0b0')).toBe('Device b0b0')
  })

  test('this device stands first, then the director, then the others by name', () => {
    const members = ['zed', 'ada', 'mia', 'bob'].map((userId) => ({ userId, alias: userId, sync: null }))
    expect(inOrder(members, 'mia', 'zed').map((member) => member.userId)).toEqual(['mia', 'zed', 'ada', 'bob'])
  })
})

describe('servers to ask', () => {
  test('are read one per line', () => {
    expect(readIceServers(' stun:a.example:3478 \n\nturns:me:pw@b.example')).toEqual([
      'stun:a.example:3478',
      'turns:me:pw@b.example',
    ])
    expect(readIceServers('')).toEqual([])
  })

  test('are refused when a line is no such address', () => {
    expect(readIceServers('https://a.example')).toBeNull()
    expect(readIceServers('stun:')).toBeNull()
    expect(readIceServers('turn:b.example')).toBeNull()
  })
})

test('a TURN server is asked with its name and password', () => {
  expect(iceServerOf('turn:me:p:w@b.example:3478?transport=udp')).toEqual({
    urls: 'turn:b.example:3478?transport=udp',
    username: 'me',
    credential: 'p:w',
  })
  expect(iceServerOf('stun:a.example')).toEqual({ urls: 'stun:a.example' })
})

test('the servers that the relay names are asked beside those that were typed', () => {
  const relays = {
    urls: ['turn:b.example', 'turns:b.example?transport=tcp'],
    username: '1795342400:ada',
    credential: 'c2VjcmV0',
  }
  expect(iceServersOf(['stun:a.example', 'not a server'], [relays])).toEqual([{ urls: 'stun:a.example' }, relays])
  expect(iceServersOf([], [])).toEqual([])
})

describe('party', () => {
  test('what is read of a view is renewed only when it changes', () => {
    const host = createFakeHost('party')
    const party = createParty(host, () => 0)
    host.subscribe((event) => party.handleEvent(event))
    let drawn = 0
    const stop = effect(() => {
      drawn += party.view.files.length > 0 ? 1 : 0
    })
    host.change({ playback: { ...stopped(), state: 'playing', positionMs: 1 } })
    expect(drawn).toBe(1)
    host.change({ files: host.view.files.slice(1) })
    expect(drawn).toBe(2)
    stop()
  })

  test('a song is on air until it has ended', () => {
    const host = createFakeHost('guest')
    const party = createParty(host, () => 0)
    host.subscribe((event) => party.handleEvent(event))
    expect(party.onAir.value).toBe(host.view.files[0]?.fileId)
    host.change({ playback: { ...host.view.playback, state: 'ended' } })
    expect(party.onAir.value).toBeNull()
  })

  test('only a new playback state renews the moment it came', () => {
    let now = 1
    const host = createFakeHost('party')
    const party = createParty(host, () => now)
    host.subscribe((event) => party.handleEvent(event))
    now = 2
    host.change({ selection: null })
    expect(party.playbackAt.value).toBe(1)
    host.change({ playback: { ...stopped(), state: 'playing', positionMs: 1 } })
    expect(party.playbackAt.value).toBe(2)
  })

  test('an intent that is refused ends up in the log', async () => {
    const host = createFakeHost('party')
    const sendIntent = vi.spyOn(host, 'sendIntent').mockRejectedValueOnce('no such command')
    createParty(host, () => 0).ask({ type: 'stop' })
    await vi.waitFor(() =>
      expect(sendIntent).toHaveBeenCalledWith({ type: 'reportFault', text: 'stop: no such command' }),
    )
  })
})
