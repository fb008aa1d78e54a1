/** What a list of songs says about each of them. Pure. */
import type { FileView } from '../protocol/generated/FileView'
import type { MemberReadiness } from '../protocol/generated/MemberReadiness'
import type { MemberView } from '../protocol/generated/MemberView'
import type { UserId } from '../protocol/generated/UserId'

/** The title from the tags, else the file's name without its ending. */
export function titleOf(file: Pick<FileView, 'name' | 'media'>): string {
  return file.media.title ?? file.name.replace(/\.[A-Za-z0-9]{1,5}$/, '')
}

/** How much of a song one device holds. */
export interface Share {
  readonly userId: UserId
  /** 0 to 1. */
  readonly held: number
  readonly state: 'none' | 'part' | 'playable' | 'whole'
}

/** One share for every member of the swarm, in the members' order. */
export function sharesOf(file: Pick<FileView, 'size' | 'readiness'>, members: readonly MemberView[]): Share[] {
  const known = new Map(file.readiness.map((entry) => [entry.userId, entry]))
  return members.map(({ userId }) => shareOf(userId, known.get(userId), file.size))
}

function shareOf(userId: UserId, readiness: MemberReadiness | undefined, size: number): Share {
  if (!readiness || (readiness.heldBytes <= 0 && !readiness.playable)) return { userId, held: 0, state: 'none' }
  const held = size > 0 ? Math.min(1, readiness.heldBytes / size) : 0
  if (held >= 1) return { userId, held: 1, state: 'whole' }
  return { userId, held, state: readiness.playable ? 'playable' : 'part' }
}

/** A share as a whole number of percent that says 100 only when nothing is missing. */
export function percentOf(share: Share): number {
  return share.state === 'whole' ? 100 : Math.min(99, Math.floor(share.held * 100))
}

/** How many files of this device are shared, those being read included. */
export function slotsUsed(files: readonly Pick<FileView, 'mine'>[], adding: number): number {
  return files.filter((file) => file.mine).length + adding
}
