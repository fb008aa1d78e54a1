/** Parties that keep time well, badly and not at all, made of the usual room. */
import type { ClockView } from '../protocol/generated/ClockView'
import type { MemberView } from '../protocol/generated/MemberView'
import type { SyncState } from '../protocol/generated/SyncState'
import type { View } from '../protocol/generated/View'
import { KITCHEN, ME, PHONE, device, fileId, playing, unsetClock } from './fake-parts'

const LENGTH = 222_400

/** Everyone within a few microseconds, by the kitchen's clock. */
export function locked(view: View): View {
  const common = { state: 'locked', path: 'lan', root: KITCHEN } as const
  return {
    ...withMembers(view, [
      device(ME, 'Blue Otter', { ...common, ratePpm: 17.5 }),
      device(KITCHEN, 'Kitchen', { ...common, errorUs: -4.2, uncertaintyUs: 6, ratePpm: -31.9 }),
      device(PHONE, 'Leo’s phone', {
        ...common,
        state: 'good',
        errorUs: 131,
        uncertaintyUs: 74,
        ratePpm: 4.4,
        jumps: 1,
      }),
    ]),
    clock: clock({ ...common, uncertaintyUs: 9, roundTripUs: 412 }),
    playback: { ...playing(fileId('1'), 72_000, LENGTH), errorUs: 12, trimPpm: -17.1 },
  }
}

/** A relay far away and no other device on this network. */
export function far(view: View): View {
  const common = { state: 'coarse', path: 'relay', root: null } as const
  return {
    ...withMembers(view, [
      device(ME, 'Blue Otter', { ...common, ratePpm: 17.5 }),
      device(KITCHEN, 'Kitchen', { ...common, errorUs: -910, uncertaintyUs: 1_400, ratePpm: -31.9 }),
      device(PHONE, 'Leo’s phone', null),
    ]),
    clock: clock({ ...common, uncertaintyUs: 1_240, roundTripUs: 38_400 }),
    playback: { ...playing(fileId('1'), 72_000, LENGTH), errorUs: 640, jumps: 2 },
  }
}

/** The clock is not known, so nothing can be played in time. */
export function unsynced(view: View): View {
  return {
    ...withMembers(view, [
      device(ME, 'Blue Otter', null),
      device(KITCHEN, 'Kitchen', { state: 'unsynced', uncertaintyUs: null, path: 'relay', root: null }),
      device(PHONE, 'Leo’s phone', null),
    ]),
    clock: unsetClock(),
    playback: { ...playing(fileId('1'), 0, LENGTH), state: 'waiting', positionMs: null, errorUs: null, trimPpm: null },
  }
}

/** The way to the relay is slower in one direction than in the other. */
export function asymmetric(view: View): View {
  return { ...view, clock: { ...view.clock, asymmetryUs: 1_250 } }
}

/** The song stands still, and another one waits. */
export function paused(view: View): View {
  const song = playing(fileId('1'), 72_000, LENGTH)
  const members = view.swarm?.members.map((member) => ({
    ...member,
    sync: member.sync && { ...member.sync, errorUs: null },
  }))
  return {
    ...withMembers(view, members ?? []),
    playback: {
      ...song,
      state: 'paused',
      onAir: song.onAir && { ...song.onAir, paused: true },
      upcoming: [
        { fileId: fileId('2'), globalStartTimeMs: LENGTH, positionMs: 0 },
        { fileId: fileId('3'), globalStartTimeMs: LENGTH + 254_100, positionMs: 0 },
      ],
      errorUs: null,
      trimPpm: null,
    },
  }
}

/**
 * The error of a made-up device: it wanders as a real one does, and is the same every time.
 * Both in microseconds; nothing is measured by a device that does not know the time.
 */
export function wander(state: SyncState, positionMs: number): number | null {
  const size = WANDER[state]
  if (size === null) return null
  const slow = Math.sin(positionMs / 7_100) * 0.55
  const quick = Math.sin(positionMs / 1_270) * 0.3 + Math.sin(positionMs / 389) * 0.15
  return size * (slow + quick)
}

const WANDER = { unsynced: null, coarse: 1_900, good: 170, locked: 18 } as const satisfies Record<
  SyncState,
  number | null
>

function clock(parts: Partial<ClockView>): ClockView {
  return { ...unsetClock(), synced: true, skewPpm: -11.2, ...parts }
}

function withMembers(view: View, members: MemberView[]): View {
  return { ...view, swarm: view.swarm && { ...view.swarm, members } }
}
