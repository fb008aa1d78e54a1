/** The part of `RTCStatsReport` that tells which addresses carry a connection. */
import type { PathEnd, SelectedPath } from './host'

export interface CandidateStats extends PathEnd {
  readonly id: string
  readonly type: 'local-candidate' | 'remote-candidate'
  readonly timestamp: number
  readonly candidateType: string
}

export interface CandidatePairStats {
  readonly id: string
  readonly type: 'candidate-pair'
  readonly timestamp: number
  readonly localCandidateId: string
  readonly remoteCandidateId: string
  readonly state: 'succeeded'
  readonly nominated: true
  /** Not in the standard any more, and what WebTorrent looks for. */
  readonly selected: true
}

export type StatsReport = ReadonlyMap<string, CandidateStats | CandidatePairStats>

/**
 * A report that always names a selected pair, though its addresses may not be known.
 *
 * WebTorrent asks when a channel opens, and asks again ten times a second for as long as a report
 * without one comes back. Whoever asks before there is a pair gets nothing for it either way.
 */
export function report(path: SelectedPath | null, timestamp: number): StatsReport {
  const entries: (CandidateStats | CandidatePairStats)[] = [
    {
      id: 'pair',
      type: 'candidate-pair',
      timestamp,
      localCandidateId: 'local',
      remoteCandidateId: 'remote',
      state: 'succeeded',
      nominated: true,
      selected: true,
    },
  ]
  if (path !== null) {
    entries.push(
      candidate('local', 'local-candidate', path.local, timestamp),
      candidate('remote', 'remote-candidate', path.remote, timestamp),
    )
  }
  return new Map(entries.map((entry) => [entry.id, entry]))
}

function candidate(
  id: string,
  type: CandidateStats['type'],
  end: PathEnd,
  timestamp: number,
): CandidateStats {
  return { ...end, id, type, timestamp, candidateType: end.kind }
}
