/** The built window in a browser, on a made-up party: journeys, access, and what it asks of the network. */
import axe from 'axe-core'
import jsQR from 'jsqr'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, serveSite } from './browser'
import type { Site } from './browser'

const PHONE = { width: 360, height: 740 }
const DESKTOP = { width: 1280, height: 800 }

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
  await page.getByRole('button', { name: 'Copy link' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
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

  await page.getByRole('button', { name: 'Repeat this song' }).click()
  await page.getByRole('button', { name: 'Repeat this song', pressed: true }).waitFor()
  const player = page.getByRole('region', { name: 'Player' })
  await player.getByText('Next: Night Train to Brno, then 1 more').waitFor()
  await page.getByRole('button', { name: 'Play Paper Lanterns next' }).click()
  await player.getByText('Next: Paper Lanterns, then 2 more').waitFor()
  expect(complaints).toEqual([])
})

test('someone sees that this device is in sync, watches the plot and saves a trace', async () => {
  await open('locked', { viewport: PHONE })
  const panel = page.getByRole('region', { name: 'Sync of this device' })
  await panel.getByText('Locked', { exact: true }).waitFor()
  const plot = panel.locator('figure path').last()
  await expect
    .poll(async () => (await plot.getAttribute('d'))?.split('L').length, { timeout: 5_000 })
    .toBeGreaterThan(4)
  expect(await panel.getByRole('cell').allInnerTexts()).toEqual(Array(4).fill(expect.stringMatching(/µs$/)))
  await panel.getByRole('button', { name: 'Save trace' }).click()
  await panel.getByText(/\.jsonl$/).waitFor()
  expect(complaints).toEqual([])
})

test('the position moves while the song plays, and not with reduced motion alone', async () => {
  await open('guest', { viewport: DESKTOP, reducedMotion: 'reduce' })
  const bar = page.getByRole('progressbar', { name: 'Position' })
  const before = Number(await bar.getAttribute('value'))
  await expect.poll(async () => Number(await bar.getAttribute('value')), { timeout: 5_000 }).toBeGreaterThan(before)
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

describe.each(['light', 'dark'] as const)('in the %s theme', (colorScheme) => {
  describe.each([
    ['phone', PHONE],
    ['desktop', DESKTOP],
  ])('on a %s', (_name, viewport) => {
    test.each([
      'lobby',
      'invited',
      'party',
      'guest',
      'crowd',
      'empty',
      'locked',
      'far',
      'unsynced',
      'asymmetric',
      'paused',
    ])('the %s screen is open to everyone', async (scene) => {
      await open(scene, { viewport, colorScheme, reducedMotion: 'reduce' })
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))
      expect(await findings()).toEqual([])
      expect(await overflow(), 'nothing sticks out at the side').toBe(0)
      expect(await smallTargets(), 'everything to press is 44 px or more').toEqual([])
    })

    test('a plot, a saved trace and a repeated song are open to everyone', async () => {
      await open('locked', { viewport, colorScheme, reducedMotion: 'reduce' })
      await page.getByRole('button', { name: 'Repeat this song' }).click()
      await page.getByRole('button', { name: 'Save trace' }).click()
      await page
        .getByRole('region', { name: 'Sync of this device' })
        .getByText(/\.jsonl$/)
        .waitFor()
      expect(await findings()).toEqual([])
      expect(await overflow()).toBe(0)
      expect(await smallTargets()).toEqual([])
    })

    test('an invitation and a key that is shown are open to everyone', async () => {
      await open('party', { viewport, colorScheme, reducedMotion: 'reduce' })
      await page.getByRole('button', { name: 'Invite' }).click()
      expect(await findings()).toEqual([])
      expect(await overflow()).toBe(0)
      expect(await smallTargets()).toEqual([])
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Leave' }).click()
      await page
        .getByRole('button', { name: /^Show key/ })
        .first()
        .click()
      await page.getByText(/grub$/).waitFor()
      expect(await findings()).toEqual([])
      expect(await smallTargets()).toEqual([])
    })

    test('the settings are open to everyone', async () => {
      await open('party', { viewport, colorScheme, reducedMotion: 'reduce' })
      await page.getByRole('button', { name: 'Settings' }).click()
      expect(await findings()).toEqual([])
      expect(await smallTargets()).toEqual([])
    })
  })
})

test.each(['lobby', 'invited', 'crowd', 'paused', 'guest'])(
  'the %s screen fits 320 px, as at 400 percent zoom',
  async (scene) => {
    await open(scene, { viewport: { width: 320, height: 640 } })
    expect(await overflow()).toBe(0)
  },
)

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
  const context = await browser.newContext(options)
  page = await context.newPage()
  complaints = []
  asked = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(scene === null ? site.url : `${site.url}?demo=${scene}`)
  await page.locator('main').waitFor()
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
