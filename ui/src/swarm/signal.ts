/**
 * What two members tell each other to connect: the payload of `rtc:signal`.
 *
 * It comes from another member, so nothing about it is believed before `decodeLinkSignal`
 * has looked at it. Unknown fields are ignored and other versions are dropped, so that the
 * format can grow.
 */
import type { InfoHash } from '../protocol/generated/InfoHash'

/** One step of connecting for one torrent. */
export type LinkSignal = SignalStep | SignalEnd

interface Envelope {
  readonly v: 1
  readonly infoHash: InfoHash
  /** Chosen by the caller; names this attempt to connect. */
  readonly connection: string
}

/** A WebRTC description or candidate, as simple-peer makes and takes it. */
export interface SignalStep extends Envelope {
  readonly kind: 'signal'
  readonly signal: SessionSignal
}

/** The sender refuses or has given up this attempt. */
export interface SignalEnd extends Envelope {
  readonly kind: 'close'
}

/** The part of a WebRTC signal that is read here; the rest goes through untouched. */
export interface SessionSignal {
  readonly type: string
  readonly sdp?: string
  readonly candidate?: object
}

/** Reads a payload from another member; null if it is no signal of this version. */
export function decodeLinkSignal(data: unknown): LinkSignal | null {
  if (!isRecord(data) || data['v'] !== 1) return null
  const { infoHash, connection, kind, signal } = data
  if (typeof infoHash !== 'string' || !INFO_HASH.test(infoHash)) return null
  if (typeof connection !== 'string' || !CONNECTION.test(connection)) return null
  if (kind === 'close') return { v: 1, infoHash, connection, kind }
  if (kind !== 'signal' || !isSessionSignal(signal)) return null
  return { v: 1, infoHash, connection, kind, signal }
}

function isSessionSignal(value: unknown): value is SessionSignal {
  if (!isRecord(value) || typeof value['type'] !== 'string') return false
  if (value['type'] === 'offer' || value['type'] === 'answer') return typeof value['sdp'] === 'string'
  return value['type'] === 'candidate' && isRecord(value['candidate'])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const INFO_HASH = /^[0-9a-f]{40}$/
const CONNECTION = /^[0-9a-f]{1,64}$/
