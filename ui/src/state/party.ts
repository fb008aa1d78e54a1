/**
 * What the window knows: the newest view, one signal per noun, and the way to ask for things.
 *
 * Nothing is remembered beside the view but a minute of errors, for the plot. Components read nouns and send intents; they never wait
 * for an answer, for the answer is the next view. A component is drawn again only when a noun it
 * read has changed: start at `useView`.
 */
import { computed, signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Host } from '../host/host'
import type { LanguageChoice } from '../i18n/languages'
import { speak } from '../i18n/words'
import type { FileId } from '../protocol/generated/FileId'
import type { HostEvent } from '../protocol/generated/HostEvent'
import type { Intent } from '../protocol/generated/Intent'
import type { View } from '../protocol/generated/View'
import { keepShared } from './sharing'
import { createTrail } from './trail'
import type { Trail } from './trail'

export interface Party {
  readonly host: Host
  /** Where the window stands: nothing is known yet, at the way in, or in a room. */
  readonly place: ReadonlySignal<'nowhere' | 'lobby' | 'room'>
  /** The newest view. Reading a part of it depends on that part alone. */
  readonly view: View
  /** The file that plays or is about to, here or on the others. */
  readonly onAir: ReadonlySignal<FileId | null>
  /** The file that follows it. */
  readonly next: ReadonlySignal<FileId | null>
  /** When the newest playback state came, on the page's own clock: for drawing only. (milliseconds) */
  readonly playbackAt: ReadonlySignal<number>
  /** How far from its place this device was heard lately. */
  readonly trail: Trail
  /** Passes on what a person wants. A refusal appears in the log. */
  ask(intent: Intent): void
  /** Turns the window to another language and remembers it. */
  speak(choice: LanguageChoice): void
  /** Takes one event of the core. */
  handleEvent(event: HostEvent): void
}

/** `now` is the page's clock. (milliseconds) */
export function createParty(host: Host, now: () => number): Party {
  const newest = signal<View | null>(null)
  const playbackAt = signal(0)
  const trail = createTrail(now)
  const view = partsOf(newest)

  function ask(intent: Intent): void {
    host.sendIntent(intent).catch((cause: unknown) => {
      if (intent.type !== 'reportFault') reportFault(`${intent.type}: ${String(cause)}`)
    })
  }

  function reportFault(text: string): void {
    ask({ type: 'reportFault', text })
  }

  return {
    host,
    place: computed(() => (newest.value === null ? 'nowhere' : newest.value.swarm === null ? 'lobby' : 'room')),
    view,
    onAir: computed(() => (view.playback.state === 'ended' ? null : (view.playback.onAir?.fileId ?? null))),
    next: computed(() => view.playback.upcoming[0]?.fileId ?? null),
    playbackAt: computed(() => playbackAt.value),
    trail,
    ask,
    speak(choice) {
      host.language.keep(choice)
      speak(choice).catch((cause: unknown) => reportFault(`language ${choice}: ${String(cause)}`))
    },
    handleEvent(event) {
      if (event.type !== 'view') return
      const before = newest.peek()
      const shared = before === null ? event.view : keepShared(before, event.view)
      // The same state of playing again is no new measurement.
      const freshPlayback = shared.playback !== before?.playback
      if (freshPlayback) playbackAt.value = now()
      newest.value = shared
      if (freshPlayback || shared.swarm === null) trail.note(shared)
    },
  }
}

export const PartyContext = createContext<Party | null>(null)

/** The party this component belongs to. */
export function useParty(): Party {
  const party = useContext(PartyContext)
  if (!party) throw new Error('no party around this component')
  return party
}

/** The newest view; take out of it what is needed, and the component follows that. */
export function useView(): View {
  return useParty().view
}

/** A view whose parts are signals of their own. */
function partsOf(newest: ReadonlySignal<View | null>): View {
  function part<Name extends keyof View>(name: Name): ReadonlySignal<View[Name]> {
    return computed(() => {
      if (newest.value === null) throw new Error('the core has not spoken yet')
      return newest.value[name]
    })
  }
  const me = part('me')
  const swarm = part('swarm')
  const lobby = part('lobby')
  const nearby = part('nearby')
  const files = part('files')
  const adding = part('adding')
  const selection = part('selection')
  const playback = part('playback')
  const clock = part('clock')
  const output = part('output')
  const outputs = part('outputs')
  const settings = part('settings')
  const transfers = part('transfers')
  const log = part('log')
  const checks = part('checks')
  return {
    get me() {
      return me.value
    },
    get swarm() {
      return swarm.value
    },
    get lobby() {
      return lobby.value
    },
    get nearby() {
      return nearby.value
    },
    get files() {
      return files.value
    },
    get adding() {
      return adding.value
    },
    get selection() {
      return selection.value
    },
    get playback() {
      return playback.value
    },
    get clock() {
      return clock.value
    },
    get output() {
      return output.value
    },
    get outputs() {
      return outputs.value
    },
    get settings() {
      return settings.value
    },
    get transfers() {
      return transfers.value
    },
    get log() {
      return log.value
    },
    get checks() {
      return checks.value
    },
  }
}
