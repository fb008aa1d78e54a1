/** Every screen and state there is on made-up parties, and how to come to it in any language. */
import type { Page } from 'playwright-core'
import { SCENES } from '../../src/host/scene'
import type { Scene } from '../../src/host/scene'
import type { Catalogue } from '../../src/i18n/en'
import { ar } from '../../src/i18n/ar'
import { de } from '../../src/i18n/de'
import { en } from '../../src/i18n/en'
import { fr } from '../../src/i18n/fr'
import { LANGUAGES, isLanguage } from '../../src/i18n/languages'
import type { Language } from '../../src/i18n/languages'

export interface Screen {
  readonly name: string
  /** The made-up party it shows; null for the page of a relay. */
  readonly scene: Scene | null
  /** What a person does there first. */
  readonly enter?: (page: Page, words: Catalogue) => Promise<void>
}

export const SCREENS: readonly Screen[] = [
  ...SCENES.map((scene) => ({ name: scene, scene })),
  { name: 'relay page', scene: null },
  {
    name: 'settings',
    scene: 'party',
    enter: (page, { room }) => page.getByRole('button', { name: room.settings }).click(),
  },
  {
    name: 'connection check',
    scene: 'party',
    enter: (page, words) => checkConnection(page, words),
  },
  {
    name: 'connection check outside of a party',
    scene: 'lobby',
    async enter(page, { join, help }) {
      await page.getByRole('button', { name: join.change }).click()
      await page.getByRole('button', { name: help.title }).click()
      await page.getByRole('dialog', { name: help.title }).waitFor()
    },
  },
  {
    name: 'connection check where much fails',
    scene: 'crowd',
    enter: (page, words) => checkConnection(page, words),
  },
  {
    name: 'report saved',
    scene: 'party',
    async enter(page, words) {
      await checkConnection(page, words)
      await page.getByRole('button', { name: words.help.report }).click()
      await page.getByText(words.help.saved).waitFor()
    },
  },
  {
    name: 'muted by hand',
    scene: 'party',
    async enter(page, { mute }) {
      await page.getByRole('button', { name: mute.mute }).click()
      await page.getByText(mute.mutedTitle).waitFor()
    },
  },
  {
    name: 'settings with a bad server',
    scene: 'party',
    async enter(page, { room, settings }) {
      await page.getByRole('button', { name: room.settings }).click()
      await page.getByLabel(settings.ice).fill('stun.example')
    },
  },
  {
    name: 'key missing',
    scene: 'lobby',
    enter: (page, { join }) => page.getByRole('button', { name: join.join, exact: true }).click(),
  },
  {
    name: 'relay address bad',
    scene: 'lobby',
    async enter(page, { join }) {
      await page.getByText(join.more).click()
      await page.getByLabel(join.relay, { exact: true }).fill('relay.example')
      await page.getByRole('button', { name: join.joinRelay }).click()
    },
  },
  {
    name: 'key easy to guess',
    scene: 'lobby',
    enter: (page, { join }) => page.getByLabel(join.newKey, { exact: true }).fill('k'),
  },
  {
    name: 'start without a key',
    scene: 'lobby',
    async enter(page, { join }) {
      await page.getByLabel(join.newKey, { exact: true }).fill('')
      await page.getByRole('button', { name: join.start }).click()
    },
  },
  {
    name: 'key of a recent party shown',
    scene: 'lobby',
    async enter(page, { keys }) {
      await page.getByRole('button', { name: keys.show }).first().click()
      await page.getByRole('button', { name: keys.hide }).waitFor()
    },
  },
  {
    name: 'key of an invitation shown',
    scene: 'invited',
    async enter(page, { keys }) {
      const question = page.getByRole('dialog')
      await question.getByRole('button', { name: keys.show }).click()
      await question.getByRole('button', { name: keys.hide }).waitFor()
    },
  },
  {
    name: 'invite',
    scene: 'party',
    async enter(page, { invite }) {
      await page.getByRole('button', { name: invite.open, exact: true }).click()
      await page.getByRole('img', { name: invite.code }).waitFor()
    },
  },
  {
    name: 'everything unfolded',
    scene: 'crowd',
    enter: unfold,
  },
  {
    name: 'reading a song',
    scene: 'empty',
    async enter(page, { files }) {
      await page.getByRole('button', { name: files.add }).click()
      await page.getByRole('progressbar').first().waitFor()
    },
  },
  {
    name: 'trace saved and songs repeated',
    scene: 'locked',
    async enter(page, { player, sync }) {
      await page.getByRole('button', { name: player.repeats.off }).click()
      await page.getByRole('button', { name: sync.trace }).click()
      await page
        .getByText(/\.jsonl$/)
        .first()
        .waitFor()
    },
  },
  {
    name: 'skip link',
    scene: 'guest',
    enter: (page) => page.keyboard.press('Tab'),
  },
]

export const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } } as const

export const THEMES = ['light', 'dark'] as const

export const SPOKEN = { en, de, fr, ar } as const satisfies Record<Language, Catalogue>

const LOCALES = Object.keys(LANGUAGES).filter(isLanguage)

/** Every theme at every size in every language, with what is put on the page to get it. */
export const LOOKS = THEMES.flatMap((colorScheme) =>
  Object.entries(SIZES).flatMap(([size, viewport]) =>
    LOCALES.map(
      (locale) =>
        ({
          name: `${colorScheme} ${size} ${locale}`,
          words: SPOKEN[locale],
          options: { colorScheme, viewport, locale, reducedMotion: 'reduce' },
        }) as const,
    ),
  ),
)

/** Each screen in every look. */
export const EVERY_LOOK = SCREENS.flatMap((screen) => LOOKS.map((look) => ({ screen, look })))

const FROM_LEFT = LOOKS.filter(({ options }) => LANGUAGES[options.locale].direction === 'ltr')
const FROM_RIGHT = LOOKS.filter(({ options }) => LANGUAGES[options.locale].direction === 'rtl')

/**
 * Each screen in two looks that have nothing in common: one written from left to right, the other
 * from right to left in the other theme at the other size. All looks take turns.
 */
export const CHOSEN_LOOKS = SCREENS.flatMap((screen, index) => {
  const one = FROM_LEFT[index % FROM_LEFT.length]
  const other = FROM_RIGHT.find(
    ({ options }) => options.colorScheme !== one?.options.colorScheme && options.viewport !== one?.options.viewport,
  )
  return one && other ? [one, other].map((look) => ({ screen, look })) : []
})

/** Goes to a screen as it is when a person has just come there. */
export async function show(page: Page, url: string, { scene, enter }: Screen, words: Catalogue): Promise<void> {
  await page.goto(scene === null ? url : `${url}?demo=${scene}`)
  await page.locator('main').waitFor()
  await enter?.(page, words)
}

async function checkConnection(page: Page, { room, help }: Catalogue): Promise<void> {
  await page.getByRole('button', { name: room.settings }).click()
  await page.getByRole('button', { name: help.title }).click()
  await page.getByRole('dialog', { name: help.title }).waitFor()
}

/** Opens all that can be folded. */
export async function unfold(page: Page): Promise<void> {
  await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))
}
