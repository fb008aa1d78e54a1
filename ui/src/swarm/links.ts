/**
 * Decides which members to connect to, for which torrent, and what to do about each attempt.
 *
 * Pure: no clock, no WebRTC, no randomness of its own. Feed it events with the present time,
 * then carry out what `drain` returns. `client.ts` is the shell that does so.
 *
 * One member calls, the other answers. Whoever lacks data calls everyone it was told to connect
 * to. When two call each other at the same moment, the call of the lower user id stands.
 * A connection is never closed because the relay went away: the music's bytes do not pass it.
 */
import type { InfoHash } from '../protocol/generated/InfoHash'
import type { UserId } from '../protocol/generated/UserId'
import { waitAfter } from './backoff'
import type { LinkSignal, SessionSignal, SignalStep } from './signal'

/** What the shell has to do. */
export type LinkCommand =
  | { readonly do: 'open'; readonly connection: string; readonly infoHash: InfoHash; readonly role: Role }
  | { readonly do: 'feed'; readonly connection: string; readonly signal: SessionSignal }
  | { readonly do: 'close'; readonly connection: string }
  | { readonly do: 'send'; readonly to: UserId; readonly data: LinkSignal }

export type Role = 'caller' | 'answerer'

/** A torrent carried here and the members it should be fetched from. */
export interface WantedLinks {
  readonly infoHash: InfoHash
  readonly connectTo: readonly UserId[]
}

export interface Links {
  /** Replaces what is wanted. Torrents not listed are no longer carried. */
  handleWanted(wanted: readonly WantedLinks[], now: number): void
  /** A member sent a signal. */
  handleRemote(from: UserId, signal: LinkSignal, now: number): void
  /** An open attempt wants to tell its other side something. */
  handleLocal(connection: string, signal: SessionSignal): void
  /** An attempt became a connection. */
  handleConnected(connection: string, now: number): void
  /** An attempt failed or a connection ended. */
  handleClosed(connection: string, now: number): void
  /** Time has passed. `isBusy` tells whether bytes are still wanted over a connection. */
  handleTimeout(now: number, isBusy: (connection: string) => boolean): void
  /** What is to be done, oldest first. Each command is returned once. */
  drain(): LinkCommand[]
}

export interface LinksOptions {
  readonly me: UserId
  /** Names a new connection: 1 to 64 hex digits, never the same twice. */
  readonly nameConnection: () => string
  /** Uniform in [0, 1). */
  readonly chance: () => number
}

/** Longest wait for the answer to a call. (milliseconds) */
export const ANSWER_TIMEOUT = 10_000
/** Longest wait from the answer to an open channel; a slow network needs a few retransmissions. (milliseconds) */
export const CONNECT_TIMEOUT = 15_000
/** How long a connection nobody needs is kept, in case it is needed again. (milliseconds) */
export const LINGER = 10_000
/** How long a call for a torrent not carried yet is kept: the view that brings it may be on its way. (milliseconds) */
export const EARLY_CALL_KEPT = 5_000
/** Calls in one torrent at a time. More sources than this add little speed and cost memory. */
export const MAX_CALLS = 8
/** Answered calls in one torrent at a time; the others are refused and find other sources. */
export const MAX_ANSWERED = 32
/** Calls kept for torrents not carried yet; the oldest is dropped. */
const MAX_EARLY = 32
/** Candidates kept with such a call; a device has fewer addresses. */
const MAX_EARLY_MORE = 32
/** A connection that held this long was sound: calling again begins with the shortest wait. (milliseconds) */
export const SOUND_AFTER = 10_000
const RETRY = { first: 1_000, longest: 30_000 }

interface Link {
  readonly connection: string
  readonly infoHash: InfoHash
  readonly member: UserId
  readonly role: Role
  /** Since when it has been a connection. */
  connectedSince: number | null
  /** When an attempt is given up. */
  deadline: number
  /** Since when a connection has not been wanted. */
  idleSince: number | null
}

interface Retry {
  failures: number
  notBefore: number
}

interface EarlyCall {
  readonly from: UserId
  readonly call: SignalStep
  /** What the caller said on this connection since. */
  readonly more: SessionSignal[]
  readonly until: number
}

export function createLinks({ me, nameConnection, chance }: LinksOptions): Links {
  const commands: LinkCommand[] = []
  const links = new Map<string, Link>()
  const retries = new Map<string, Retry>()
  let wanted = new Map<InfoHash, ReadonlySet<UserId>>()
  let early: EarlyCall[] = []

  function linkTo(infoHash: InfoHash, member: UserId): Link | undefined {
    for (const link of links.values()) {
      if (link.infoHash === infoHash && link.member === member) return link
    }
    return undefined
  }

  function count(infoHash: InfoHash, role: Role): number {
    let found = 0
    for (const link of links.values()) if (link.infoHash === infoHash && link.role === role) found += 1
    return found
  }

  function open(link: Omit<Link, 'connectedSince' | 'idleSince'>): void {
    links.set(link.connection, { ...link, connectedSince: null, idleSince: null })
    commands.push({ do: 'open', connection: link.connection, infoHash: link.infoHash, role: link.role })
  }

  function feed(connection: string, signal: SessionSignal): void {
    commands.push({ do: 'feed', connection, signal })
  }

  function drop(link: Link): void {
    links.delete(link.connection)
    commands.push({ do: 'close', connection: link.connection })
  }

  function isWanted(infoHash: InfoHash, member: UserId): boolean {
    return wanted.get(infoHash)?.has(member) ?? false
  }

  function callWhoIsMissing(now: number): void {
    for (const [infoHash, members] of wanted) {
      let calls = count(infoHash, 'caller')
      // Everyone starts elsewhere in the list, or all would call the same few.
      for (const member of rotated([...members], chance())) {
        if (calls >= MAX_CALLS) break
        if (member === me || linkTo(infoHash, member)) continue
        const retry = retries.get(pair(infoHash, member))
        if (retry && now < retry.notBefore) continue
        open({ connection: nameConnection(), infoHash, member, role: 'caller', deadline: now + ANSWER_TIMEOUT })
        calls += 1
      }
    }
  }

  function noteFailure(link: Link, now: number): void {
    if (!isWanted(link.infoHash, link.member)) return
    const key = pair(link.infoHash, link.member)
    const wasSound = link.connectedSince !== null && now - link.connectedSince >= SOUND_AFTER
    const failures = wasSound ? 1 : (retries.get(key)?.failures ?? 0) + 1
    retries.set(key, { failures, notBefore: now + waitAfter(failures, RETRY, chance()) })
  }

  function handleCall(from: UserId, call: SignalStep, now: number): void {
    const { infoHash, connection } = call
    const present = linkTo(infoHash, from)
    if (present) {
      const calledEachOther = present.role === 'caller' && present.connectedSince === null
      if (calledEachOther && me < from) return
      // The other side calls anew, so it has given up what there was.
      drop(present)
    } else if (count(infoHash, 'answerer') >= MAX_ANSWERED) {
      commands.push({ do: 'send', to: from, data: { v: 1, infoHash, connection, kind: 'close' } })
      return
    }
    open({ connection, infoHash, member: from, role: 'answerer', deadline: now + CONNECT_TIMEOUT })
    feed(connection, call.signal)
  }

  return {
    handleWanted(next, now) {
      wanted = new Map(next.map((task) => [task.infoHash, new Set(task.connectTo)]))
      for (const link of links.values()) if (!wanted.has(link.infoHash)) drop(link)
      for (const key of retries.keys()) if (!isWanted(...unpair(key))) retries.delete(key)
      const calls = early.filter((kept) => wanted.has(kept.call.infoHash))
      early = early.filter((kept) => !wanted.has(kept.call.infoHash))
      for (const { from, call, more, until } of calls) {
        if (now > until) continue
        handleCall(from, call, now)
        if (links.has(call.connection)) more.forEach((signal) => feed(call.connection, signal))
      }
      callWhoIsMissing(now)
    },

    handleRemote(from, signal, now) {
      const link = links.get(signal.connection)
      if (link) {
        if (link.member !== from || link.infoHash !== signal.infoHash) return
        if (signal.kind === 'close') {
          drop(link)
          noteFailure(link, now)
          return
        }
        if (signal.signal.type === 'answer') link.deadline = now + CONNECT_TIMEOUT
        feed(link.connection, signal.signal)
        return
      }
      if (signal.kind !== 'signal' || from === me) return
      if (signal.signal.type !== 'offer') {
        const kept = early.find(({ call, from: caller }) => caller === from && call.connection === signal.connection)
        if (kept && kept.more.length < MAX_EARLY_MORE) kept.more.push(signal.signal)
        return
      }
      if (wanted.has(signal.infoHash)) {
        handleCall(from, signal, now)
        return
      }
      early.push({ from, call: signal, more: [], until: now + EARLY_CALL_KEPT })
      if (early.length > MAX_EARLY) early.shift()
    },

    handleLocal(connection, signal) {
      const link = links.get(connection)
      if (!link) return
      const data: LinkSignal = { v: 1, infoHash: link.infoHash, connection, kind: 'signal', signal }
      commands.push({ do: 'send', to: link.member, data })
    },

    handleConnected(connection, now) {
      const link = links.get(connection)
      if (link) link.connectedSince = now
    },

    handleClosed(connection, now) {
      const link = links.get(connection)
      if (!link) return
      links.delete(connection)
      noteFailure(link, now)
    },

    handleTimeout(now, isBusy) {
      early = early.filter((kept) => now <= kept.until)
      for (const link of links.values()) {
        if (link.connectedSince === null) {
          if (now < link.deadline) continue
          drop(link)
          noteFailure(link, now)
        } else if (link.role === 'caller' && !isWanted(link.infoHash, link.member) && !isBusy(link.connection)) {
          link.idleSince ??= now
          if (now - link.idleSince >= LINGER) drop(link)
        } else {
          link.idleSince = null
        }
      }
      callWhoIsMissing(now)
    },

    drain() {
      return commands.splice(0)
    },
  }
}

function rotated<T>(items: readonly T[], chance: number): T[] {
  const start = Math.floor(chance * items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}

function pair(infoHash: InfoHash, member: UserId): string {
  return `${infoHash}/${member}`
}

function unpair(key: string): [InfoHash, UserId] {
  return [key.slice(0, 40), key.slice(41)]
}
