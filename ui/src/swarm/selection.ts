/**
 * Turns what the core wants first into what WebTorrent is told to fetch. Pure.
 */
import type { TransferTask } from '../protocol/generated/TransferTask'

/** First and last piece, both included. */
export type PieceRange = readonly [number, number]

/** Ranges beyond these are left to the rest: they are far from the playhead. */
const MAX_URGENT = 16

/**
 * Ranges to fetch in this order, most urgent first; the last one is the whole torrent.
 * Empty when nothing is missing.
 */
export function selectionOf(task: Pick<TransferTask, 'complete' | 'urgent'>, pieces: number): PieceRange[] {
  if (task.complete || pieces === 0) return []
  const last = pieces - 1
  const urgent = task.urgent
    .filter(([from, to]) => from <= to && from <= last)
    .map(([from, to]): PieceRange => [from, Math.min(to, last)])
  return [...urgent.slice(0, MAX_URGENT), [0, last]]
}

/** True when both fetch the same in the same order. */
export function sameSelection(a: readonly PieceRange[], b: readonly PieceRange[]): boolean {
  return a.length === b.length && a.every(([from, to], index) => from === b[index]?.[0] && to === b[index]?.[1])
}
