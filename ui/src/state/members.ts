/** What members are called and in which order they stand. */
import { words } from '../i18n/words'
import type { MemberView } from '../protocol/generated/MemberView'
import type { UserId } from '../protocol/generated/UserId'
import type { View } from '../protocol/generated/View'

/** What a member calls itself, else the beginning of its id. */
export function nameOf(member: MemberView | undefined, userId: UserId): string {
  return member?.alias ?? words().room.unnamed(userId.slice(0, 4))
}

/** The name of the member with this id. */
export function nameById(members: readonly MemberView[], userId: UserId): string {
  return nameOf(
    members.find((member) => member.userId === userId),
    userId,
  )
}

/** This device first, then the director, then the others by name. */
export function inOrder(members: readonly MemberView[], me: UserId, director: UserId | null): MemberView[] {
  const rank = ({ userId }: MemberView): number => (userId === me ? 0 : userId === director ? 1 : 2)
  return members.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      nameOf(a, a.userId).localeCompare(nameOf(b, b.userId), undefined, { numeric: true }) ||
      (a.userId < b.userId ? -1 : 1),
  )
}

/** Who leads, by name; null when nobody does. */
export function directorName({ swarm }: Pick<View, 'swarm'>): string | null {
  return swarm?.director ? nameById(swarm.members, swarm.director) : null
}
