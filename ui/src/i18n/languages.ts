/** The languages there are, and which of them a person reads. Pure. */

/** Each by its own name, for whoever looks for theirs, and the way it is written. */
export const LANGUAGES = {
  en: { name: 'English', direction: 'ltr' },
  de: { name: 'Deutsch', direction: 'ltr' },
  fr: { name: 'Français', direction: 'ltr' },
  ar: { name: 'العربية', direction: 'rtl' },
} as const

export type Language = keyof typeof LANGUAGES

/** What a person chose: a language, or the one the system has. */
export type LanguageChoice = Language | 'system'

export function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGES, text)
}

/** A language, and how its numbers are written: a BCP 47 tag with the person's region where known. */
export interface Speech {
  readonly language: Language
  readonly locale: string
}

/** The chosen language, else the first that the system wishes for and that there is, else English. */
export function speechFor(choice: LanguageChoice, wishes: readonly string[]): Speech {
  const known = wishes.flatMap((locale): Speech[] => {
    const language = languageOf(locale)
    return language === null ? [] : [{ language, locale }]
  })
  if (choice === 'system') return known[0] ?? { language: 'en', locale: 'en' }
  return known.find(({ language }) => language === choice) ?? { language: choice, locale: choice }
}

function languageOf(locale: string): Language | null {
  const [language = ''] = locale.toLowerCase().split('-')
  return isLanguage(language) && Intl.NumberFormat.supportedLocalesOf([locale]).length > 0 ? language : null
}
