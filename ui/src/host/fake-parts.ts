/** What made-up parties are put together from: devices, songs, states of playing. */
import type { FileView } from '../protocol/generated/FileView'
import type { MemberView } from '../protocol/generated/MemberView'
import type { SyncReport } from '../protocol/generated/SyncReport'
import type { View } from '../protocol/generated/View'
import { WAVEFORM_COLUMNS } from '../protocol/limits'

export const ME = 'a7otter'
export const KITCHEN = 'c4kitchen'
export const PHONE = 'f9leo'

/** A device of the party and what it says about its time. */
export function device(userId: string, alias: string | null, sync: Partial<SyncReport> | null): MemberView {
  return { userId, alias, sync: sync && { ...QUIET, ...sync } }
}

/** What a device says that knows the time and plays nothing. */
const QUIET: SyncReport = {
  state: 'good',
  errorUs: null,
  uncertaintyUs: 84,
  path: 'lan',
  root: ME,
  ratePpm: null,
  jumps: 0,
}

/** A clock that has just begun to listen. */
export function unsetClock(): View['clock'] {
  return {
    synced: false,
    state: 'unsynced',
    path: 'relay',
    root: null,
    asymmetryUs: null,
    uncertaintyUs: null,
    roundTripUs: null,
    skewPpm: null,
  }
}

export function stopped(): View['playback'] {
  return {
    state: 'stopped',
    onAir: null,
    upcoming: [],
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
    media: { format, durationMs, title, artist, album: null, waveform: waveform(digit) },
    owners,
    mine: owners.includes(ME),
    artwork: digit === '1',
    readiness: [ME, KITCHEN, PHONE].map((userId, index) => {
      const part = held[index] ?? 0
      return { userId, heldBytes: Math.ceil(size * part), playable: part > 0.2 }
    }),
    rates: { peers: held.some((part) => part < 1) ? 2 : 0, down: 0, up: 0 },
    fault: null,
    missing: missingOf(held[0] ?? 0),
  }
}

/** What a device lacks that got a song from its beginning on, so far this part of it. */
export function missingOf(part: number): [number, number][] {
  const held = Math.floor(part * WAVEFORM_COLUMNS)
  return held >= WAVEFORM_COLUMNS ? [] : [[held, WAVEFORM_COLUMNS]]
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Verses, refrains and an end that dies away; another song for each digit. */
function waveform(digit: string): string {
  const kind = Number.parseInt(digit, 16)
  const level = (column: number): number => {
    const verse = 0.55 + 0.35 * Math.sign(Math.sin(column / (18 + 3 * kind)))
    const beat = 0.75 + 0.25 * Math.sin(column * (1.3 + kind / 7)) * Math.cos(column / 5)
    return verse * beat * Math.min(1, column / 12, (WAVEFORM_COLUMNS - column) / 40)
  }
  return Array.from({ length: WAVEFORM_COLUMNS }, (_, column) => LETTERS[Math.round(63 * level(column))]).join('')
}
