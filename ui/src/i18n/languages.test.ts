/** Every language says everything, in all its forms, and puts in what it is given. */
import { afterEach, describe, expect, test } from 'vitest'
import { ar } from './ar'
import { de } from './de'
import { en } from './en'
import type { Catalogue } from './en'
import { byteRate, byteSize, clockTime, percentage, setLocale, signedSpan, spokenTime } from './format'
import { fr } from './fr'
import { LANGUAGES, speechFor } from './languages'
import { pluralIn } from './plural'

const CATALOGUES: readonly (readonly [string, Catalogue])[] = [
  ['en', en],
  ['de', de],
  ['fr', fr],
  ['ar', ar],
]

afterEach(() => setLocale('en'))

describe.each(CATALOGUES)('in %s', (language, catalogue) => {
  test.each(textsOf(catalogue))('%s is said, and puts in all it is given', (key, text) => {
    setLocale(language)
    for (const count of typeof text === 'string' ? [] : COUNTS) {
      const given = Array.from({ length: text.length }, (_, index) => new Given(`«${index}»`, count + index))
      const said = say(text, given)
      expect(
        given.filter((each) => !each.isIn(said)),
        `${key} at ${count}: ${said}`,
      ).toEqual([])
    }
    expect(say(text, [])).toMatch(/^\S(?:.*\S)?$/)
  })

  test('a notice is a whole sentence, and no two say the same', () => {
    const sentences = Object.values(catalogue.notices)
    for (const sentence of sentences) expect(sentence).toMatch(/[.]$/)
    expect(new Set(sentences).size).toBe(sentences.length)
  })

  test('what is said of a state differs from state to state', () => {
    for (const words of [catalogue.playbackStates, catalogue.syncStates, catalogue.links, catalogue.logLevels])
      expect(new Set(Object.values(words)).size).toBe(Object.keys(words).length)
  })
})

test('a text that is the same as the English one is a name or an abbreviation', () => {
  const english = new Map(textsOf(en))
  const same = CATALOGUES.slice(1).flatMap(([language, catalogue]) =>
    textsOf(catalogue).flatMap(([key, text]) =>
      typeof text === 'string' && english.get(key) === text ? [`${language} ${key}`] : [],
    ),
  )
  expect(same).toEqual([
    'de appName',
    'de player.label',
    'de syncPaths.lan',
    'de syncPaths.relay',
    'fr appName',
    'fr player.position',
    'fr logLevels.info',
    'fr syncPaths.lan',
    'ar appName',
  ])
})

test('Arabic counts in six forms', () => {
  expect([0, 1, 2, 3, 11, 100].map((count) => ar.room.devices(count))).toEqual([
    'لا أجهزة',
    'جهاز واحد',
    'جهازان',
    '3 أجهزة',
    '11 جهازًا',
    '100 جهاز',
  ])
})

test('French counts nothing in the singular, as German does not', () => {
  expect([0, 1, 2].map((count) => fr.room.devices(count))).toEqual(['0 appareil', '1 appareil', '2 appareils'])
  expect([0, 1, 2].map((count) => de.room.devices(count))).toEqual(['0 Geräte', '1 Gerät', '2 Geräte'])
})

test('a language has the forms that the system tells apart, and no others', () => {
  const forms = { zero: 'zero', one: 'one', two: 'two', few: 'few', many: 'many', other: 'other' }
  const said = [
    pluralIn('en')(1, { one: 'one', other: 'other' }),
    pluralIn('fr')(1e6, { one: 'one', many: 'many', other: 'other' }),
    ...[0, 1, 2, 3, 11, 100].map((count) => pluralIn('ar')(count, forms)),
  ]
  expect(said).toEqual(['one', 'many', 'zero', 'one', 'two', 'few', 'many', 'other'])
  const categories = Object.keys(LANGUAGES).map((language) =>
    new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted(),
  )
  expect(categories).toEqual([
    ['one', 'other'],
    ['one', 'other'],
    ['many', 'one', 'other'],
    ['few', 'many', 'one', 'other', 'two', 'zero'],
  ])
})

test('numbers, sizes and times are written as the region writes them', () => {
  setLocale('de-CH')
  expect(signedSpan(-2_400)).toBe('−2.4 ms')
  setLocale('fr')
  expect([byteSize(8_412_310), byteRate(900_000), percentage(62)].map(plainSpaces)).toEqual([
    '8,4 Mo',
    '900 ko/s',
    '62 %',
  ])
  setLocale('de')
  expect([signedSpan(12), spokenTime(61_000)]).toEqual(['+12 µs', '1 Minute, 1 Sekunde'])
  setLocale('ar-EG')
  expect(clockTime(187_000)).toBe('٣:٠٧')
  expect(spokenTime(120_000)).toContain('دقيقتان')
})

test('the first language of the system that there is here is spoken, with its region', () => {
  expect(speechFor('system', ['nl-BE', 'fr-CA', 'en'])).toEqual({ language: 'fr', locale: 'fr-CA' })
  expect(speechFor('system', ['nl', 'tr'])).toEqual({ language: 'en', locale: 'en' })
  expect(speechFor('system', [])).toEqual({ language: 'en', locale: 'en' })
})

test('a chosen language comes before the system’s, which still tells the region', () => {
  expect(speechFor('ar', ['de-AT', 'ar-EG'])).toEqual({ language: 'ar', locale: 'ar-EG' })
  expect(speechFor('ar', ['de-AT'])).toEqual({ language: 'ar', locale: 'ar' })
})

type Text = string | ((...given: never[]) => string)

function say(text: Text, given: readonly Given[]): string {
  return typeof text === 'string' ? text : String(Reflect.apply(text, null, given))
}

/** Every text of a catalogue by the path to it. */
function textsOf(branch: object, path = ''): [string, Text][] {
  return Object.entries(branch).flatMap(([key, value]): [string, Text][] => {
    if (typeof value === 'string' || typeof value === 'function') return [[`${path}${key}`, value]]
    return textsOf(value, `${path}${key}.`)
  })
}

/** Counts of every plural form of every language there is. */
const COUNTS = [0, 1, 2, 3, 11, 100, 1_000_000]

/** Stands for whatever a text takes: a name where it is put in, a number where it is counted. */
class Given {
  readonly name: string
  readonly count: number

  constructor(name: string, count: number) {
    this.name = name
    this.count = count
  }

  toString(): string {
    return this.name
  }

  valueOf(): number {
    return this.count
  }

  /** A plural's own word may stand for a small count, as in “both”. */
  isIn(said: string): boolean {
    const written = [this.count, this.count / 1000].map((count) => new Intl.NumberFormat('en').format(count))
    const digits = said.replaceAll(/[\u00a0\u202f.,]/g, '')
    return (
      said.includes(this.name) ||
      this.count <= 2 ||
      written.some((count) => digits.includes(count.replaceAll(/[.,]/g, '')))
    )
  }
}

function plainSpaces(text: string): string {
  return text.replaceAll(/[\u00a0\u202f]/g, ' ')
}
