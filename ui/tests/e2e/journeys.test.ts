/** The built window in a browser, on a made-up party: journeys, access, and what it asks of the network. */
import axe from 'axe-core'
import jsQR from 'jsqr'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ar } from '../../src/i18n/ar'
import { LANGUAGES } from '../../src/i18n/languages'
import { openBrowser, serveSite } from './browser'
import type { Site } from './browser'
import { CHOSEN_LOOKS, EVERY_LOOK, LOOKS, SCREENS, SIZES, SPOKEN, show, unfold } from './screens'

const { phone: PHONE, desktop: DESKTOP } = SIZES

/** For one step in the page, on a machine with other work. (milliseconds) */
const PATIENCE = 120_000

let browser: Browser
let site: Site
let page: Page
let complaints: string[]
let asked: string[]

beforeAll(async () => {
  browser = await openBrowser()
  site = await serveSite()
})

afterAll(async () => {
  await browser.close()
  await site.close()
})

afterEach(async () => {
  await page.context().close()
})

test('someone starts a party in one press, adds a song, plays it and leaves', async () => {
  await open('lobby', { viewport: PHONE })
  await page.getByRole('button', { name: 'Start a party here' }).click()
  await page.getByRole('heading', { level: 1, name: 'Blue Otter' }).waitFor()

  await page.getByRole('button', { name: 'Add music' }).click()
  await page.getByRole('button', { name: /^Choose Track/ }).click()
  await page.getByRole('button', { name: 'Play on every device' }).click()
  await page.getByText('On air').waitFor()
  await page.getByRole('slider', { name: 'Position' }).waitFor()

  await page.getByRole('button', { name: 'Pause on every device' }).click()
  await page.getByText(/^Paused/).waitFor()
  await page.getByRole('button', { name: 'Go on playing on every device' }).click()
  await page.getByRole('button', { name: 'Stop on every device' }).click()
  await page.getByRole('button', { name: 'Leave' }).click()
  await page.getByRole('button', { name: 'Start a party here' }).waitFor()
  expect(complaints).toEqual([])
})

test('someone invites by a link, and someone else pastes it, is asked and joins', async () => {
  await open('party', { viewport: DESKTOP, permissions: ['clipboard-read', 'clipboard-write'] })
  await page.getByRole('button', { name: 'Invite' }).click()
  // It says so for two seconds only, which may be over before a busy machine looks.
  const told = page.getByRole('button', { name: 'Copied' }).waitFor()
  await page.getByRole('button', { name: 'Copy link' }).click()
  await told
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Leave' }).click()

  await page.getByLabel('Party key').focus()
  await page.keyboard.press('Control+V')
  const question = page.getByRole('dialog', { name: 'Join Blue Otter?' })
  await question.getByText('ws://192.0.2.10:8080/ws').waitFor()
  expect(await question.innerText(), 'the key is hidden').not.toContain('aloe boxer')
  await question.getByRole('button', { name: 'Not now' }).click()
  await question.waitFor({ state: 'detached' })

  await page.keyboard.press('Control+V')
  await question.getByRole('button', { name: 'Join this party' }).click()
  await page.getByRole('heading', { level: 1, name: 'Blue Otter' }).waitFor()
  expect(complaints).toEqual([])
})

test('a party of the past is a press away, and gone from the list when forgotten', async () => {
  await open('lobby', { viewport: PHONE })
  await page.getByRole('button', { name: 'Join again: Leo’s phone' }).click()
  await page.getByRole('heading', { level: 1, name: 'Leo’s phone' }).waitFor()
  await page.getByRole('button', { name: 'Leave' }).click()
  await page.getByRole('button', { name: 'Forget Leo’s phone and its key' }).click()
  await expect.poll(() => page.getByRole('region', { name: 'Recent parties' }).getByRole('listitem').count()).toBe(1)
})

test.each([
  ['on a phone, in the dark', { viewport: { width: 320, height: 640 }, colorScheme: 'dark' }],
  ['on a desktop', { viewport: DESKTOP, colorScheme: 'light' }],
  ['with colours of the person’s own choice', { viewport: PHONE, forcedColors: 'active' }],
] as const)('a phone that knows nothing of this app reads the invitation’s code %s', async (_how, options) => {
  await open('party', options)
  await page.getByRole('button', { name: 'Invite' }).click()
  const code = page.getByRole('img', { name: 'QR code of the invitation' })
  expect((await code.boundingBox())?.width, 'wide enough for a camera').toBeGreaterThanOrEqual(240)
  const { data, width, height } = await pixelsOf(await code.screenshot())
  expect(jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data).toBe(
    'swarm://join#v=1&k=aloe-boxer-cedar-dial-emu-fifty-grub&n=Blue%20Otter&r=192.0.2.10:8080',
  )
})

test('everything on the way in can be done by keyboard', async () => {
  await open('lobby', { viewport: DESKTOP })
  await page.keyboard.press('Tab')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('green river')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Blue Otter' }).waitFor()
  await page.getByRole('button', { name: 'Leave' }).press('Enter')
  await page.getByLabel('Party key').focus()
  await page.keyboard.type('green river')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Blue Otter' }).waitFor()

  for (const name of ['Settings', 'Invite']) {
    await page.getByRole('button', { name }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect.poll(() => focused(), { message: 'closing a sheet gives the focus back' }).toBe(name)
  }
})

test('the director moves the song by keyboard, repeats it and says what follows', async () => {
  await open('paused', { viewport: DESKTOP })
  const slider = page.getByRole('slider', { name: 'Position' })
  await slider.press('ArrowRight')
  await slider.press('ArrowRight')
  await expect.poll(() => slider.getAttribute('aria-valuetext')).toMatch(/^1 minute 22 seconds/)
  await slider.press('Home')
  await expect.poll(() => slider.inputValue()).toBe('0')
  await slider.press('End')
  await expect.poll(() => slider.inputValue()).toBe('222400')
  await slider.press('PageDown')
  await expect.poll(() => slider.inputValue()).toBe('192400')

  await page.getByRole('button', { name: 'Repeat: off' }).click()
  await page.getByRole('button', { name: 'Repeat: all songs', pressed: true }).waitFor()
  const player = page.getByRole('region', { name: 'Player' })
  await player.getByText('Next: Night Train to Brno, then 1 more').waitFor()
  await page.getByRole('button', { name: 'Play Paper Lanterns next' }).click()
  await player.getByText('Next: Paper Lanterns, then 2 more').waitFor()
  expect(complaints).toEqual([])
})

test('the director drags a song to another place and moves it back by keyboard', async () => {
  await open('party', { viewport: DESKTOP })
  const titles = (): Promise<string[]> => page.locator('button[aria-pressed] bdi').allInnerTexts()
  const handle = page.getByRole('button', { name: /^Move Upstream, / })
  const last = page.getByRole('button', { name: /^Move Paper Lanterns, / })
  const [from, to] = [await handle.boundingBox(), await last.boundingBox()]
  if (!from || !to) throw new Error('a handle is not on the page')
  await page.mouse.move(from.x + 20, from.y + 20)
  await page.mouse.down()
  await page.mouse.move(to.x + 20, to.y + 60, { steps: 5 })
  await page.mouse.up()
  await expect.poll(titles).toContain('Upstream')
  await page.getByText('Moved to 3 of 3').waitFor({ state: 'attached' })
  await handle.press('ArrowUp')
  await page.getByText('Moved to 2 of 3').waitFor({ state: 'attached' })
  await expect.poll(() => handle.evaluate((element) => element === document.activeElement)).toBe(true)
  expect(complaints).toEqual([])
})

test('someone sees that this device is in sync, watches the plot and saves a trace', async () => {
  await open('locked', { viewport: PHONE })
  const panel = page.getByRole('region', { name: 'Sync of this device' })
  await panel.getByText('Locked', { exact: true }).waitFor()
  const plot = panel.locator('figure path').last()
  await expect.poll(async () => (await plot.getAttribute('d'))?.split('L').length).toBeGreaterThan(4)
  expect(await panel.getByRole('cell').allInnerTexts()).toEqual(Array(4).fill(expect.stringMatching(/µs$/)))
  await panel.getByRole('button', { name: 'Save trace' }).click()
  await panel.getByText(/\.jsonl$/).waitFor()
  expect(complaints).toEqual([])
})

test('the position moves while the song plays, and not with reduced motion alone', async () => {
  await open('guest', { viewport: DESKTOP, reducedMotion: 'reduce' })
  const bar = page.getByRole('progressbar', { name: 'Position' })
  const before = Number(await bar.getAttribute('value'))
  await expect.poll(async () => Number(await bar.getAttribute('value'))).toBeGreaterThan(before)
})

test('a picture of a song is drawn under the window’s own policy', async () => {
  await open('party', { viewport: DESKTOP })
  await expect
    .poll(() =>
      page
        .locator('img')
        .first()
        .evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth),
    )
    .toBe(96)
})

test('a relay’s page tells a plain browser where the party is', async () => {
  await open(null, { viewport: PHONE })
  expect(await page.getByRole('main').innerText()).toContain(`${site.url.replace('http', 'ws')}ws`)
})

test('nothing outside is asked for', async () => {
  await open('party', { viewport: DESKTOP })
  await page.getByRole('button', { name: 'Settings' }).click()
  expect(asked.filter((url) => !url.startsWith(site.url) && !url.startsWith('blob:'))).toEqual([])
})

test.each(process.env['EVERY_LOOK'] ? EVERY_LOOK : CHOSEN_LOOKS)(
  'the screen $screen.name is open to everyone: $look.name',
  async ({ screen, look }) => {
    await openPage(look.options)
    await show(page, site.url, screen, look.words)
    await unfold(page)
    expect(await findings()).toEqual([])
    expect(await overflow(), 'nothing sticks out at the side').toBe(0)
    expect(await smallTargets(), 'everything to press is 44 px or more').toEqual([])
  },
)

test('the looks taken every time show each screen in both themes, at both sizes and from either side', () => {
  for (const screen of SCREENS) {
    const looks = CHOSEN_LOOKS.filter((each) => each.screen === screen).map((each) => each.look)
    expect(new Set(looks.map(({ options }) => options.colorScheme)).size).toBe(2)
    expect(new Set(looks.map(({ options }) => options.viewport)).size).toBe(2)
    expect(new Set(looks.map(({ options }) => LANGUAGES[options.locale].direction)).size).toBe(2)
  }
  expect(new Set(CHOSEN_LOOKS.map(({ look }) => look.name))).toEqual(new Set(LOOKS.map(({ name }) => name)))
})

describe.each(Object.entries(SPOKEN))('in %s', (locale, { invite, room, settings }) => {
  test.each(['lobby', 'invited', 'crowd', 'paused', 'guest'])(
    'the %s screen fits 320 px, as at 400 percent zoom',
    async (scene) => {
      await open(scene, { viewport: { width: 320, height: 256 }, locale })
      await unfold(page)
      expect(await overflow()).toBe(0)
    },
  )

  test.each([
    ['settings sheet', room.settings, settings.title],
    ['invite sheet', invite.open, invite.title('Blue Otter')],
  ])('the %s fits a screen at 200 percent zoom, and every text is whole', async (_sheet, button, name) => {
    await open('party', { viewport: { width: 320, height: 400 }, deviceScaleFactor: 2, locale })
    await page.getByRole('button', { name: button, exact: true }).click()
    await page.getByRole('dialog', { name }).waitFor()
    expect(await overflow()).toBe(0)
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('dialog *')]
        .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1)
        .map((element) => element.outerHTML.slice(0, 120)),
    )
    expect(cut).toEqual([])
  })

  test('the window speaks it when the system does, and fetches no other', async () => {
    await open('party', { viewport: DESKTOP, locale })
    const said = await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir])
    expect(said).toEqual([locale, locale === 'ar' ? 'rtl' : 'ltr'])
    const others = Object.keys(LANGUAGES).filter((language) => language !== locale)
    expect(asked.filter((url) => others.some((language) => url.includes(`/${language}-`)))).toEqual([])
    expect(complaints).toEqual([])
  })
})

test('a language chosen in the settings is spoken at once, under the window’s own policy', async () => {
  await open('party', { viewport: PHONE })
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByLabel('Language').selectOption('ar')
  await page.getByRole('heading', { name: ar.settings.title }).waitFor()
  expect(await page.evaluate(() => document.documentElement.dir)).toBe('rtl')
  expect(complaints).toEqual([])
})

test('from right to left the layout is mirrored, and time still runs to the right', async () => {
  await open('paused', { viewport: DESKTOP, locale: 'ar' })
  const music = await page.getByRole('region', { name: ar.files.title }).boundingBox()
  const devices = await page.getByRole('region', { name: ar.room.devicesTitle }).boundingBox()
  expect(music?.x).toBeGreaterThan(devices?.x ?? Infinity)
  const slider = page.getByRole('slider', { name: ar.player.position })
  expect(await slider.evaluate((element) => getComputedStyle(element).direction)).toBe('ltr')
  await slider.press('ArrowRight')
  await expect.poll(() => slider.inputValue()).toBe('77000')
})

test('by keyboard the player is one step away, and what has the focus is not behind it', async () => {
  await open('crowd', { viewport: PHONE })
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  const inPlayer = await page.evaluate(() => document.activeElement?.closest('section')?.id)
  expect(inPlayer).toBe('player')

  await page.goto(`${site.url}?demo=crowd`)
  await page.locator('main').waitFor()
  const hidden: string[] = []
  for (let step = 0; step < 24; step += 1) {
    await page.keyboard.press('Tab')
    const name = await page.evaluate(() => {
      const player = document.getElementById('player')
      const active = document.activeElement
      if (!player || !active || active === document.body || player.contains(active)) return null
      const { bottom } = active.getBoundingClientRect()
      return bottom > player.getBoundingClientRect().top + 1 ? active.outerHTML.slice(0, 80) : null
    })
    if (name !== null) hidden.push(name)
  }
  expect(hidden).toEqual([])
})

test('whatever has the focus shows it', async () => {
  await open('guest', { viewport: DESKTOP })
  const unmarked: string[] = []
  for (let step = 0; step < 20; step += 1) {
    await page.keyboard.press('Tab')
    const plain = await page.evaluate(() => {
      const active = document.activeElement
      if (!active || active === document.body) return null
      const { outlineStyle, outlineWidth } = getComputedStyle(active)
      return outlineStyle === 'none' || outlineWidth === '0px' ? active.outerHTML.slice(0, 80) : null
    })
    if (plain !== null) unmarked.push(plain)
  }
  expect(unmarked).toEqual([])
})

test('with colours of the person’s own choice the plot and the marks are still seen', async () => {
  await open('locked', { viewport: DESKTOP, forcedColors: 'active', reducedMotion: 'reduce' })
  expect(await findings()).toEqual([])
  const panel = page.getByRole('region', { name: 'Sync of this device' })
  const [line, surface] = await panel
    .locator('figure path')
    .last()
    .evaluate((path) => [getComputedStyle(path).stroke, getComputedStyle(document.body).backgroundColor])
  expect(line).not.toBe(surface)
})

async function open(scene: string | null, options: BrowserContextOptions): Promise<void> {
  await openPage(options)
  await page.goto(scene === null ? site.url : `${site.url}?demo=${scene}`)
  await page.locator('main').waitFor()
}

async function openPage(options: BrowserContextOptions): Promise<void> {
  const context = await browser.newContext(options)
  page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  complaints = []
  asked = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
}

/** What axe finds, by rule and element. */
async function findings(): Promise<string[]> {
  // Run as a string: the window's policy forbids scripts added to the page.
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    })
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`))
  })
}

function focused(): Promise<string | null | undefined> {
  return page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)
}

/** What a camera would see of a picture: four bytes for every point. */
async function pixelsOf(png: Buffer): Promise<{ data: Uint8ClampedArray; width: number; height: number }> {
  const [width, height, ...bytes] = await page.evaluate(
    async (source) => {
      const image = new Image()
      image.src = source
      await image.decode()
      const canvas = new OffscreenCanvas(image.width, image.height)
      const drawing = canvas.getContext('2d')
      drawing?.drawImage(image, 0, 0)
      return [image.width, image.height, ...(drawing?.getImageData(0, 0, image.width, image.height).data ?? [])]
    },
    `data:image/png;base64,${png.toString('base64')}`,
  )
  return { data: Uint8ClampedArray.from(bytes), width: width ?? 0, height: height ?? 0 }
}

function overflow(): Promise<number> {
  return page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - window.innerWidth))
}

function smallTargets(): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('button, select, textarea, summary, input:not([type=checkbox]):not([type=range])')]
      .filter((element) => element.checkVisibility())
      .filter((element) => {
        const { width, height } = element.getBoundingClientRect()
        return width < 43.5 || height < 43.5
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  )
}
