/** Every screen and state there is on made-up parties, and how to come to it in any language. */
import type { Page } from 'playwright-core'
import { SCENES } from '../../src/host/scene'
import type { Scene } from '../../src/host/scene'
import type { Catalogue } from '../../src/i18n/en'
import { ar } from '../../src/i18n/ar'
import { en } from '../../src/i18n/en'

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
    name: 'trace saved and song repeated',
    scene: 'locked',
    async enter(page, { player, sync }) {
      await page.getByRole('button', { name: player.repeat }).click()
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

/** One language of each direction. */
export const SPOKEN = { en, ar } as const satisfies Record<string, Catalogue>

/** Every theme at every size in every language, with what is put on the page to get it. */
export const LOOKS = THEMES.flatMap((colorScheme) =>
  Object.entries(SIZES).flatMap(([size, viewport]) =>
    Object.entries(SPOKEN).map(
      ([locale, words]) =>
        ({
          name: `${colorScheme} ${size} ${locale}`,
          words,
          options: { colorScheme, viewport, locale, reducedMotion: 'reduce' },
        }) as const,
    ),
  ),
)

/** Goes to a screen as it is when a person has just come there. */
export async function show(page: Page, url: string, { scene, enter }: Screen, words: Catalogue): Promise<void> {
  await page.goto(scene === null ? url : `${url}?demo=${scene}`)
  await page.locator('main').waitFor()
  await enter?.(page, words)
}

/** Opens all that can be folded. */
export async function unfold(page: Page): Promise<void> {
  await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))
}
