/** Parties as they might be, for the fake host: who is there, what is shared, how far it has come. */
import type { View } from '../protocol/generated/View'
import { KITCHEN, ME, PHONE, device, fileId, playing, song, stopped, unsetClock } from './fake-parts'
import { asymmetric, far, locked, paused, unsynced } from './fake-sync'
import { invitationOf, linkTo, lobbyWithPast } from './fake-joining'
import { unplugged } from './fake-system'
import type { Scene } from './scene'

export function sceneView(scene: Scene): View {
  switch (scene) {
    case 'lobby':
      return lobby()
    case 'invited':
      return invited(lobby())
    case 'empty':
      return { ...inRoom(), files: [], selection: null }
    case 'party':
      return inRoom()
    case 'guest':
      return asGuest(inRoom())
    case 'crowd':
      return crowd()
    case 'locked':
      return locked(inRoom())
    case 'far':
      return far(inRoom())
    case 'unsynced':
      return unsynced(inRoom())
    case 'asymmetric':
      return asymmetric(locked(inRoom()))
    case 'paused':
      return paused(locked(inRoom()))
    case 'unplugged':
      return unplugged(locked(inRoom()))
    default:
      return scene satisfies never
  }
}

function lobby(): View {
  return {
    me: { userId: ME, alias: 'Blue Otter' },
    swarm: null,
    lobby: lobbyWithPast(),
    nearby: [{ id: 'b81f0c3a', name: 'Kitchen', url: 'ws://192.0.2.20:8080/ws' }],
    files: [],
    adding: [],
    selection: null,
    playback: stopped(),
    clock: unsetClock(),
    output: {
      id: 'default',
      name: 'Built-in speakers',
      sampleRate: 48_000,
      channels: 2,
      latencyMs: 21.3,
      fault: null,
      muted: null,
    },
    outputs: [
      { id: 'default', name: 'Built-in speakers', isDefault: true },
      { id: 'usb-dac', name: 'USB DAC', isDefault: false },
      { id: 'headphones', name: 'Headphones', isDefault: false },
    ],
    settings: {
      speakerDelayMs: 0,
      output: null,
      filesPerMember: 3,
      network: { publicTrackers: false, iceServers: [] },
    },
    transfers: [],
    log: [],
    checks: [],
  }
}

/** A link was opened, and nobody has said yes or no. */
function invited(view: View): View {
  const link = linkTo('sunday breakfast', 'Kitchen', '192.0.2.20:8080')
  return { ...view, lobby: { ...view.lobby, invitation: invitationOf(link) } }
}

function inRoom(): View {
  return {
    ...lobby(),
    swarm: {
      name: 'Blue Otter',
      key: 'aloe boxer cedar dial emu fifty grub',
      invite: linkTo('aloe boxer cedar dial emu fifty grub', 'Blue Otter', '192.0.2.10:8080'),
      relay: 'ws://192.0.2.10:8080/ws',
      hosting: true,
      inviteUrls: ['ws://192.0.2.10:8080/ws'],
      link: 'online',
      members: [
        device(ME, 'Blue Otter', { ratePpm: 17.5 }),
        device(KITCHEN, 'Kitchen', { state: 'locked', uncertaintyUs: 9 }),
        device(PHONE, 'Leo’s phone', null),
      ],
      director: ME,
      isDirector: true,
      carrier: ME,
      repeat: 'off',
      shuffled: false,
    },
    nearby: [],
    files: [
      song('1', 'Upstream', 'The Rivers', 'flac', 24_117_248, 222_400, [ME], [1, 1, 1]),
      song('2', 'Night Train to Brno', 'Ada & the Clockmakers', 'mp3', 8_412_310, 254_100, [ME], [1, 1, 0.62]),
      song('3', 'Paper Lanterns', null, 'm4a', 6_021_004, 187_900, [PHONE], [0.34, 0.08, 1]),
    ],
    selection: fileId('1'),
    clock: {
      synced: true,
      state: 'good',
      path: 'lan',
      root: ME,
      asymmetryUs: null,
      uncertaintyUs: 84,
      roundTripUs: 1_900,
      skewPpm: -11.2,
    },
    log: [
      { number: 1, level: 'info', notice: { code: 'connected', detail: '' } },
      { number: 2, level: 'info', notice: { code: 'you-direct', detail: '' } },
      { number: 3, level: 'info', notice: { code: 'member-joined', detail: 'Kitchen' } },
      { number: 4, level: 'warning', notice: { code: 'underrun', detail: '1' } },
      { number: 5, level: 'info', notice: { code: 'file-added', detail: 'Upstream.flac' } },
    ],
  }
}

function asGuest(view: View): View {
  if (!view.swarm) return view
  return {
    ...view,
    swarm: {
      ...view.swarm,
      name: 'Kitchen',
      director: KITCHEN,
      isDirector: false,
      hosting: false,
      inviteUrls: [],
      carrier: KITCHEN,
    },
    playback: playing(fileId('1'), 72_000, 222_400),
  }
}

/** Long names, many devices, every fault a song or an output can have. */
function crowd(): View {
  const view = inRoom()
  if (!view.swarm) return view
  const members = Array.from({ length: 12 }, (_, index) =>
    device(
      `m${String(index).padStart(2, '0')}`,
      index === 5 ? null : index === 7 ? 'The loudspeaker on top of the bookshelf' : `Speaker ${index + 1}`,
      index === 7
        ? {
            state: 'coarse',
            errorUs: -4_812,
            uncertaintyUs: 2_310,
            path: 'relay',
            root: null,
            ratePpm: -113.4,
            jumps: 12,
          }
        : null,
    ),
  )
  const all = [...view.swarm.members, ...members]
  return {
    ...view,
    swarm: {
      ...view.swarm,
      name: 'The loudspeaker on top of the bookshelf',
      members: all,
      link: 'reconnecting',
      hosting: false,
      inviteUrls: [],
    },
    files: [
      ...view.files,
      {
        ...song(
          '4',
          'A song whose title goes on for far longer than any row has room for, and then some',
          'An Orchestra With a Remarkably Long Name',
          'wav',
          412_004_112,
          3_912_000,
          [PHONE],
          [0, 0, 0],
        ),
        fault: { code: 'disk-full', detail: 'needs 412 MB' },
      },
    ],
    adding: [{ name: 'Another one.flac', doneBytes: 31_000_000, size: 88_000_000 }],
    clock: unsetClock(),
    output: {
      id: null,
      name: null,
      sampleRate: null,
      channels: null,
      latencyMs: null,
      fault: { code: 'output-unavailable', detail: 'no sound device' },
      muted: null,
    },
    log: [...view.log, { number: 6, level: 'error', notice: { code: 'disk-full', detail: 'Paper Lanterns' } }],
  }
}
