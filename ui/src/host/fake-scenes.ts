/** Parties as they might be, for the fake host: who is there, what is shared, how far it has come. */
import type { FileView } from '../protocol/generated/FileView'
import type { View } from '../protocol/generated/View'
import type { Scene } from './scene'

const ME = 'a7otter'
const KITCHEN = 'c4kitchen'
const PHONE = 'f9leo'

export function sceneView(scene: Scene): View {
  switch (scene) {
    case 'lobby':
      return lobby()
    case 'empty':
      return { ...inRoom(), files: [], selection: null }
    case 'party':
      return inRoom()
    case 'guest':
      return asGuest(inRoom())
    case 'crowd':
      return crowd()
    default:
      return scene satisfies never
  }
}

function lobby(): View {
  return {
    me: { userId: ME, alias: 'Blue Otter' },
    swarm: null,
    nearby: [{ id: 'b81f0c3a', name: 'Kitchen', url: 'ws://192.0.2.20:8080/ws' }],
    files: [],
    adding: [],
    selection: null,
    playback: stopped(),
    clock: { synced: false, uncertaintyUs: null, roundTripUs: null, skewPpm: null },
    output: { id: 'default', name: 'Built-in speakers', sampleRate: 48_000, channels: 2, latencyMs: 21.3, fault: null },
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
  }
}

function inRoom(): View {
  return {
    ...lobby(),
    swarm: {
      key: 'green river 42',
      relay: 'ws://192.0.2.10:8080/ws',
      hosting: true,
      inviteUrls: ['ws://192.0.2.10:8080/ws'],
      link: 'online',
      members: [
        { userId: ME, alias: 'Blue Otter' },
        { userId: KITCHEN, alias: 'Kitchen' },
        { userId: PHONE, alias: 'Leo’s phone' },
      ],
      director: ME,
      isDirector: true,
    },
    nearby: [],
    files: [
      song('1', 'Upstream', 'The Rivers', 'flac', 24_117_248, 222_400, [ME], [1, 1, 1]),
      song('2', 'Night Train to Brno', 'Ada & the Clockmakers', 'mp3', 8_412_310, 254_100, [ME], [1, 1, 0.62]),
      song('3', 'Paper Lanterns', null, 'm4a', 6_021_004, 187_900, [PHONE], [0.34, 0.08, 1]),
    ],
    selection: fileId('1'),
    clock: { synced: true, uncertaintyUs: 84, roundTripUs: 1_900, skewPpm: -11.2 },
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
    swarm: { ...view.swarm, director: KITCHEN, isDirector: false, hosting: false, inviteUrls: [] },
    playback: playing(fileId('1'), 72_000, 222_400),
  }
}

/** Long names, many devices, every fault a song or an output can have. */
function crowd(): View {
  const view = inRoom()
  if (!view.swarm) return view
  const members = Array.from({ length: 12 }, (_, index) => ({
    userId: `m${String(index).padStart(2, '0')}`,
    alias: index === 5 ? null : index === 7 ? 'The loudspeaker on top of the bookshelf' : `Speaker ${index + 1}`,
  }))
  const all = [...view.swarm.members, ...members]
  return {
    ...view,
    swarm: { ...view.swarm, members: all, link: 'reconnecting', hosting: false, inviteUrls: [] },
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
    clock: { synced: false, uncertaintyUs: null, roundTripUs: null, skewPpm: null },
    output: {
      id: null,
      name: null,
      sampleRate: null,
      channels: null,
      latencyMs: null,
      fault: { code: 'output-unavailable', detail: 'no sound device' },
    },
    log: [...view.log, { number: 6, level: 'error', notice: { code: 'disk-full', detail: 'Paper Lanterns' } }],
  }
}

export function stopped(): View['playback'] {
  return {
    state: 'stopped',
    onAir: null,
    positionMs: null,
    durationMs: null,
    errorUs: null,
    trimPpm: null,
    jumps: 0,
    underruns: 0,
  }
}

export function playing(file: string, positionMs: number, durationMs: number): View['playback'] {
  return {
    ...stopped(),
    state: 'playing',
    onAir: { fileId: file, globalStartTimeMs: 0, positionMs: 0 },
    positionMs,
    durationMs,
    errorUs: 140,
    trimPpm: 12.4,
  }
}

export function fileId(digit: string): string {
  return (Number.parseInt(digit, 16) * 0x2b1d).toString(16).padStart(8, '0').split('').toReversed().join('').repeat(8)
}

export function song(
  digit: string,
  title: string,
  artist: string | null,
  format: string,
  size: number,
  durationMs: number,
  owners: string[],
  held: readonly number[],
): FileView {
  return {
    fileId: fileId(digit),
    name: `${title.slice(0, 200)}.${format}`,
    size,
    infoHash: `${digit}0a1b2c3d4`.repeat(4),
    media: { format, durationMs, title, artist, album: null },
    owners,
    mine: owners.includes(ME),
    artwork: digit === '1',
    readiness: [ME, KITCHEN, PHONE].map((userId, index) => {
      const part = held[index] ?? 0
      return { userId, heldBytes: Math.ceil(size * part), playable: part > 0.2 }
    }),
    rates: { peers: held.some((part) => part < 1) ? 2 : 0, down: 0, up: 0 },
    fault: null,
  }
}
