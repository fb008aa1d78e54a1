/** A picture of every screen and state in every look, and a page that shows them side by side. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, serveSite } from '../e2e/browser'
import type { Site } from '../e2e/browser'
import { LOOKS, SCREENS, show } from '../e2e/screens'

const FOLDER = resolve(process.env['SHOTS_DIR'] ?? 'shots')

let browser: Browser
let site: Site

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true })
  browser = await openBrowser()
  site = await serveSite()
})

afterAll(async () => {
  await browser.close()
  await site.close()
  await writeFile(join(FOLDER, 'index.html'), indexPage())
})

test.concurrent.each(LOOKS)('$name', async ({ name, words, options }) => {
  const { viewport } = options
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  for (const screen of SCREENS) {
    await show(page, site.url, screen, words)
    await page.evaluate(() => document.fonts.ready)
    await page.setViewportSize({ width: viewport.width, height: Math.max(viewport.height, await heightOf(page)) })
    await page.screenshot({ path: join(FOLDER, fileOf(screen.name, name)) })
    await page.setViewportSize(viewport)
  }
  await context.close()
  expect(complaints).toEqual([])
})

/** As high as all there is to see, so that what sticks to the bottom of the window covers nothing. */
function heightOf(page: Page): Promise<number> {
  return page.evaluate(() => (document.querySelector('dialog[open]') ?? document.documentElement).scrollHeight)
}

function fileOf(screen: string, look: string): string {
  return `${screen} ${look}.png`.replaceAll(' ', '-')
}

function indexPage(): string {
  const rows = SCREENS.map(
    ({ name }) => `<h2>${name}</h2>
<div>${LOOKS.map(
      (look) =>
        `<figure><a href="${fileOf(name, look.name)}"><img src="${fileOf(name, look.name)}" alt="${name}" loading="lazy"></a><figcaption>${look.name}</figcaption></figure>`,
    ).join('\n')}</div>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Every screen and state</title>
<style>
  body { margin: 2rem; font: 16px/1.4 system-ui; background: #888; }
  div { display: flex; gap: 1rem; overflow-x: auto; align-items: start; }
  figure { margin: 0; flex: none; }
  img { display: block; block-size: 30rem; }
</style>
<h1>Every screen and state</h1>
${rows.join('\n')}
</html>
`
}
