/**
 * The chosen language, in the page's own storage. Not among the core's settings: it has to be known
 * before the first drawing, when the core has not spoken yet, and the core speaks no sentences.
 */
import { isLanguage } from '../i18n/languages'
import type { LanguageChoice } from '../i18n/languages'

/** Where a person's choice of language is kept. */
export interface LanguageKeeper {
  /** What was chosen; the system's language until then. */
  chosen(): LanguageChoice
  /** Remembers a choice. */
  keep(choice: LanguageChoice): void
}

const KEY = 'language'

export function languageIn(storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>): LanguageKeeper {
  return {
    chosen() {
      const kept = storage.getItem(KEY) ?? ''
      return isLanguage(kept) ? kept : 'system'
    },
    keep(choice) {
      if (choice === 'system') storage.removeItem(KEY)
      else storage.setItem(KEY, choice)
    },
  }
}
