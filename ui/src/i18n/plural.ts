/** Texts that depend on a count, in every form a language has, and names within sentences. */
import { number } from './format'
import type { Language } from './languages'

/** The forms that `Intl.PluralRules` tells apart, by language. */
export interface PluralForms {
  en: 'one' | 'other'
  de: 'one' | 'other'
  fr: 'one' | 'many' | 'other'
  ar: 'zero' | 'one' | 'two' | 'few' | 'many' | 'other'
}

/** Picks the form for a count and puts the count in the place of `#`. */
export type Plural<L extends Language> = (
  count: number,
  forms: Readonly<Record<PluralForms[L] | 'other', string>>,
) => string

/** What every language's forms are: one that always fits, and more. */
type Forms = Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & Record<'other', string>>

export function pluralIn<L extends Language>(language: L): Plural<L> {
  const rules = new Intl.PluralRules(language)
  return (count, forms) => {
    const texts: Forms = forms
    return (texts[rules.select(count)] ?? texts.other).replace('#', number(count))
  }
}

/**
 * A name or a figure within a sentence written from right to left: kept together, so that neither
 * its parts nor the words around it change places, whichever way it is written itself.
 */
export function isolate(text: string): string {
  return `\u2068${text}\u2069`
}
