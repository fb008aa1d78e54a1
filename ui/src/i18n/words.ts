/**
 * The words of the window: one document speaks one language at a time. Components call `words()`
 * while they are drawn, and are drawn again when the language changes.
 *
 * English is always here; other languages are fetched when they are first needed.
 */
import { signal } from '@preact/signals'
import { en } from './en'
import type { Catalogue } from './en'
import { setLocale } from './format'
import { LANGUAGES, speechFor } from './languages'
import type { Language, LanguageChoice } from './languages'

const spoken = signal<Catalogue>(en)

/** The texts in the language of the window. */
export function words(): Catalogue {
  return spoken.value
}

const SOURCES = {
  en: () => Promise.resolve(en),
  de: async () => (await import('./de')).de,
  fr: async () => (await import('./fr')).fr,
  ar: async () => (await import('./ar')).ar,
} as const satisfies Record<Language, () => Promise<Catalogue>>

/** The choice that was made last: an earlier one must not win because it took longer to fetch. */
let wanted: object | null = null

/** Turns the document to the language of this choice. Rejects when its texts cannot be fetched. */
export async function speak(choice: LanguageChoice): Promise<void> {
  const speech = speechFor(choice, navigator.languages)
  wanted = speech
  const texts = await SOURCES[speech.language]()
  if (wanted !== speech) return
  setLocale(speech.locale)
  spoken.value = texts
  document.documentElement.lang = speech.language
  document.documentElement.dir = LANGUAGES[speech.language].direction
}
