/**
 * What the window knows: the newest view, one signal per noun, and the way to ask for things.
 *
 * Nothing is remembered beside the view. Components read signals and send intents; they never
 * wait for an answer, for the answer is the next view.
 */
import { computed, signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Host } from '../host/host'
import type { HostEvent } from '../protocol/generated/HostEvent'
import type { Intent } from '../protocol/generated/Intent'
import type { View } from '../protocol/generated/View'
import { keepShared } from './sharing'

export interface Party {
  readonly host: Host
  /** Null until the core has spoken. */
  readonly view: ReadonlySignal<View | null>
  /** When the newest playback state came, on the page's own clock: for drawing only. (milliseconds) */
  readonly playbackAt: ReadonlySignal<number>
  /** Passes on what a person wants. A refusal appears in the log. */
  ask(intent: Intent): void
  /** Takes one event of the core. */
  handleEvent(event: HostEvent): void
}

/** `now` is the page's clock. (milliseconds) */
export function createParty(host: Host, now: () => number): Party {
  const view = signal<View | null>(null)
  const playbackAt = signal(0)
  return {
    host,
    view: computed(() => view.value),
    playbackAt: computed(() => playbackAt.value),
    ask(intent) {
      host.sendIntent(intent).catch((cause: unknown) => {
        if (intent.type === 'reportFault') return
        void host.sendIntent({ type: 'reportFault', text: `${intent.type}: ${String(cause)}` }).catch(() => {})
      })
    },
    handleEvent(event) {
      if (event.type !== 'view') return
      const shared = view.value === null ? event.view : keepShared(view.value, event.view)
      if (shared.playback !== view.value?.playback) playbackAt.value = now()
      view.value = shared
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

/** The newest view; only for components below the one that waits for it. */
export function useView(): View {
  const { view } = useParty()
  if (!view.value) throw new Error('the core has not spoken yet')
  return view.value
}
