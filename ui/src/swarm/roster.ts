/**
 * Decides which torrents are carried: adds what is listed, ends what is not, and tries again
 * after a failure. Pure: time comes in as an argument, commands go out through `drain`.
 *
 * WebTorrent ends a torrent whose store refuses a piece. That is no reason to give the file up:
 * it is added again with the pieces the core holds by then, later each time it happens.
 */
import type { InfoHash } from '../protocol/generated/InfoHash'
import type { TransferTask } from '../protocol/generated/TransferTask'
import { waitAfter } from './backoff'

export type RosterCommand =
  | { readonly do: 'add'; readonly task: TransferTask }
  | { readonly do: 'remove'; readonly infoHash: InfoHash }
  /** The torrent stays; what is wanted of it may have changed. */
  | { readonly do: 'update'; readonly task: TransferTask }

export interface Roster {
  /** Replaces the list of torrents that should be carried. */
  handleTasks(tasks: readonly TransferTask[], now: number): void
  /** A torrent ended by itself. */
  handleFailed(infoHash: InfoHash, now: number): void
  /** A torrent moved forward: earlier failures no longer count. */
  handleProgress(infoHash: InfoHash): void
  /** Time has passed. `isWhole` tells whether WebTorrent has all pieces of a torrent. */
  handleTimeout(now: number, isWhole: (infoHash: InfoHash) => boolean): void
  /** What is to be done, oldest first. Each command is returned once. */
  drain(): RosterCommand[]
}

/** How long the core may hold a whole file before WebTorrent is made to notice. (milliseconds) */
export const NOTICE_COMPLETE_AFTER = 3_000
const RETRY = { first: 1_000, longest: 60_000 }

interface Entry {
  task: TransferTask
  carried: boolean
  failures: number
  notBefore: number
  /** Since when the core has held everything while WebTorrent has not. */
  behindSince: number | null
}

export function createRoster(chance: () => number): Roster {
  const entries = new Map<InfoHash, Entry>()
  const commands: RosterCommand[] = []

  function add(entry: Entry): void {
    entry.carried = true
    entry.behindSince = null
    commands.push({ do: 'add', task: entry.task })
  }

  function remove(infoHash: InfoHash, entry: Entry): void {
    if (entry.carried) commands.push({ do: 'remove', infoHash })
    entry.carried = false
  }

  return {
    handleTasks(tasks, now) {
      const listed = new Set(tasks.map((task) => task.infoHash))
      for (const [infoHash, entry] of entries) {
        if (listed.has(infoHash)) continue
        remove(infoHash, entry)
        entries.delete(infoHash)
      }
      for (const task of tasks) {
        const entry = entries.get(task.infoHash)
        if (!entry) {
          const fresh = { task, carried: false, failures: 0, notBefore: now, behindSince: null }
          entries.set(task.infoHash, fresh)
          add(fresh)
          continue
        }
        const before = entry.task
        entry.task = task
        if (!entry.carried) {
          if (now >= entry.notBefore) add(entry)
        } else if (mustStartOver(before, task)) {
          remove(task.infoHash, entry)
          add(entry)
        } else {
          commands.push({ do: 'update', task })
        }
      }
    },

    handleFailed(infoHash, now) {
      const entry = entries.get(infoHash)
      if (!entry) return
      entry.carried = false
      entry.failures += 1
      entry.notBefore = now + waitAfter(entry.failures, RETRY, chance())
    },

    handleProgress(infoHash) {
      const entry = entries.get(infoHash)
      if (entry) entry.failures = 0
    },

    handleTimeout(now, isWhole) {
      for (const [infoHash, entry] of entries) {
        if (!entry.carried) {
          if (now >= entry.notBefore) add(entry)
          continue
        }
        if (!entry.task.complete || isWhole(infoHash)) {
          entry.behindSince = null
          continue
        }
        entry.behindSince ??= now
        if (now - entry.behindSince >= NOTICE_COMPLETE_AFTER) {
          remove(infoHash, entry)
          add(entry)
        }
      }
    },

    drain() {
      return commands.splice(0)
    },
  }
}

/** What WebTorrent takes only when a torrent is added. */
function mustStartOver(before: TransferTask, task: TransferTask): boolean {
  const lostData = before.complete && !task.complete
  const lostMetainfo = before.hasMetainfo && !task.hasMetainfo
  return lostData || lostMetainfo || before.trackers.join('\n') !== task.trackers.join('\n')
}
