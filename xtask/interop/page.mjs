/**
 * A browser page with unmodified WebTorrent in it, and one song beside it if one is given.
 * Playwright and WebTorrent come from the front end's packages.
 */
import { createServer } from 'node:http'
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const front = new URL('../../ui/', import.meta.url)
const require = createRequire(new URL('package.json', front))
const { chromium } = require('playwright-core')
const WEBTORRENT = fileURLToPath(new URL('node_modules/webtorrent/dist/webtorrent.min.js', front))

const PAGE = `<!doctype html><title>WebTorrent</title><script type="module">
  import WebTorrent from '/webtorrent.js'
  window.client = new WebTorrent({
    dht: false, lsd: false, natUpnp: false, natPmp: false,
    tracker: { rtcConfig: { iceServers: [] } },
  })
</script>`

/** Opens the page in a browser of its own. */
export async function openPage({ song } = {}) {
  const server = createServer((request, response) => {
    const file = { '/webtorrent.js': WEBTORRENT, '/song': song }[request.url]
    if (file) {
      response.setHeader('content-type', file === WEBTORRENT ? 'text/javascript' : 'audio/mpeg')
      createReadStream(file).pipe(response)
    } else {
      response.setHeader('content-type', 'text/html').end(request.url === '/' ? PAGE : '')
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  const page = await browser.newPage()
  page.on('pageerror', (error) => console.error(String(error)))
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction(() => window.client !== undefined)
  const close = async () => {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
  return { page, close }
}

/** Seeds the song that lies beside the page; returns its info hash, once it can be fetched. */
export function seedSong(page, tracker, pieceLength) {
  return page.evaluate(
    async ([tracker, pieceLength]) => {
      const bytes = await (await fetch('/song')).blob()
      const options = { announce: [tracker], name: 'song', ...(pieceLength ? { pieceLength } : {}) }
      return new Promise((resolve, reject) => {
        window.client.on('error', reject)
        window.client.seed(new File([bytes], 'song'), options, (torrent) => resolve(torrent.infoHash))
      })
    },
    [tracker, pieceLength],
  )
}

/** Fetches a torrent of which only the info hash is known; resolves when it is whole. */
export function fetchSong(page, tracker, infoHash) {
  return page.evaluate(
    ([tracker, infoHash]) => {
      const began = performance.now()
      const link = `magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(tracker)}`
      return new Promise((resolve, reject) => {
        window.client.on('error', reject)
        window.client.add(link, (torrent) => {
          torrent.on('done', async () => {
            const seconds = (performance.now() - began) / 1000
            const bytes = await (await torrent.files[0].blob()).arrayBuffer()
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
            const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
            resolve({ seconds, bytes: bytes.byteLength, sha256 })
          })
        })
      })
    },
    [tracker, infoHash],
  )
}

/** Rejects when `work` takes longer than this. */
export function within(seconds, work) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not within ${seconds} s`)), seconds * 1000).unref()
  })
  return Promise.race([work, late])
}
