/** How well each device keeps time, gathered from what it knows itself or said last. Pure. */
import type { MemberView } from '../protocol/generated/MemberView'
import type { SyncReport } from '../protocol/generated/SyncReport'
import type { View } from '../protocol/generated/View'

/** What is known of one member: of this device at first hand, of another what it said; null before it spoke. */
export function reportOf(
  member: Pick<MemberView, 'userId' | 'sync'>,
  { me, clock, playback }: Pick<View, 'me' | 'clock' | 'playback'>,
): SyncReport | null {
  if (member.userId !== me.userId) return member.sync
  return {
    state: clock.state,
    errorUs: playback.errorUs,
    uncertaintyUs: clock.uncertaintyUs,
    path: clock.path,
    root: clock.root,
    ratePpm: member.sync?.ratePpm ?? null,
    jumps: playback.jumps,
  }
}

/** True for the member whose clock this device's room goes by, or its own room if it is in another. */
export function leadsRoom({ userId, sync }: Pick<MemberView, 'userId' | 'sync'>, clock: View['clock']): boolean {
  return userId === clock.root || userId === sync?.root
}
