/** Servers that help devices on different networks: those a person types, and the relay's own. Pure. */
import type { IceServer } from '../protocol/generated/IceServer'

/** One address per line, blank lines left out; null when a line is no address that can be used. */
export function readIceServers(text: string): string[] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return lines.every((line) => iceServerOf(line) !== null) ? lines : null
}

/**
 * One server: `stun:host`, or `turn:name:password@host`. Null when it is neither: a browser
 * refuses to connect at all when one of its servers is wrong.
 */
export function iceServerOf(line: string): RTCIceServer | null {
  if (STUN.test(line)) return { urls: line }
  const { scheme, username, credential, host } = TURN.exec(line)?.groups ?? {}
  if (!scheme || !username || !credential || !host) return null
  return { urls: `${scheme}:${host}`, username, credential }
}

/** Every server to be asked: the person's, as typed, and then those that the relay names. */
export function iceServersOf(typed: readonly string[], ofRelay: readonly IceServer[]): RTCIceServer[] {
  return [...typed.flatMap((line) => iceServerOf(line) ?? []), ...ofRelay]
}

const STUN = /^stuns?:[^\s/@?]+$/
const TURN = /^(?<scheme>turns?):(?<username>[^\s:@]+):(?<credential>[^\s@]+)@(?<host>[^\s/@]+)$/
