/** Sentences put together from what the core says and the words of the window. */
import type { Notice } from '../protocol/generated/Notice'
import type { Share } from '../state/files'
import { percentage, spokenSpan } from './format'
import { words } from './words'

/** What a notice is about: mostly a name, sometimes a number that needs words. */
export function detailText({ code, detail }: Notice): string {
  if (code === 'underrun' && /^\d+$/.test(detail)) return words().log.underruns(Number(detail))
  return detail
}

/** How far from its place in microseconds, which way, and how sure that is: to listen to. */
export function spokenError(errorUs: number | null, uncertaintyUs: number | null): string {
  const { sync } = words()
  const doubt = uncertaintyUs === null ? null : sync.doubt(spokenSpan(uncertaintyUs))
  if (errorUs === null) return doubt ?? ''
  const place = Math.abs(errorUs) < 0.5 ? sync.onTime : placeText(errorUs, spokenSpan(errorUs))
  return doubt === null ? place : sync.both(place, doubt)
}

/** Above zero is heard late; `size` says how far. */
export function placeText(errorUs: number, size: string): string {
  const { sync } = words()
  return errorUs < 0 ? sync.early(size) : sync.late(size)
}

/** What one device has of a song, in words. */
export function shareText(share: Share, percent: number): string {
  const { files } = words()
  switch (share.state) {
    case 'whole':
      return files.has
    case 'playable':
      return files.canPlay(percentage(percent))
    case 'part':
      return percentage(percent)
    case 'none':
      return files.hasNot
    default:
      return share.state satisfies never
  }
}

/** How many devices can play a song, in words. */
export function readyText(ready: number, all: number): string {
  const { files } = words()
  if (all <= 1) return ready === 1 ? files.readyHere : files.notHere
  return ready === all ? files.readyOnAll(all) : files.readyOn(ready, all)
}

/** Facts in a line, those that are known. */
export function inLine(facts: readonly (string | null)[]): string {
  return facts
    .filter((fact) => fact !== null)
    .map((fact) => words().fact(fact))
    .join(' · ')
}
