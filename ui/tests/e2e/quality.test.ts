/** What the window weighs before anything is loaded, and what Lighthouse says of it. */
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import lighthouse from 'lighthouse'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, openBrowser, serveSite } from './browser'
import type { Site } from './browser'

/** The scripts of the first load, compressed: a third of what Snapweb's was measured to send. (bytes) */
const FIRST_LOAD = 120_000

let browser: Browser
let site: Site
let port: number

beforeAll(async () => {
  port = await freePort()
  browser = await openBrowser([`--remote-debugging-port=${port}`])
  site = await serveSite()
})

afterAll(async () => {
  await browser.close()
  await site.close()
})

test.each(['', '?demo=lobby', '?demo=party', '?demo=locked'])(
  'Lighthouse finds nothing to better in access and practices at “%s”',
  async (place) => {
    const found = await lighthouse(`${site.url}${place}`, {
      port,
      onlyCategories: ['accessibility', 'best-practices'],
      logLevel: 'error',
    })
    const { categories, audits } = found?.lhr ?? { categories: {}, audits: {} }
    const scores = Object.fromEntries(Object.values(categories).map(({ id, score }) => [id, score]))
    const wanting = Object.values(audits).filter(({ score }) => score !== null && score < 1)
    expect({ scores, wanting: wanting.map(({ id }) => id) }).toEqual({
      scores: { accessibility: 1, 'best-practices': 1 },
      wanting: [],
    })
  },
)

test('what is loaded first is small and has no transfer in it', async () => {
  const page = await readFile('dist-e2e/index.html', 'utf8')
  const scripts = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, path]) => path ?? '')
  expect(scripts.length).toBeGreaterThan(0)
  const texts = await Promise.all(scripts.map((path) => readFile(`dist-e2e/${path}`)))
  const weight = texts.reduce((sum, text) => sum + gzipSync(text).length, 0)
  expect(weight).toBeLessThan(FIRST_LOAD)
  expect(scripts.join()).not.toContain('webtorrent')
})
