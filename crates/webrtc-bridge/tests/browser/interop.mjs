/**
 * Unmodified WebTorrent in Chromium against WebTorrent over the bridge, file and all.
 *
 *     node interop.mjs PATH_OF_BRIDGE_SERVER [--pairs bridge:native,…] [--mebibytes N] [--piece-kib N]
 *
 * The first of a pair seeds, the second fetches; they meet through a WebTorrent tracker. Prints one
 * line of JSON per pair and exits with 1 when any file arrived damaged or not at all. Takes its
 * packages from `ui/node_modules`, and Chromium from CHROMIUM or /usr/bin/chromium.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const here = fileURLToPath(new URL('.', import.meta.url))
const ui = fileURLToPath(new URL('../../../../ui/', import.meta.url))
const fromUi = createRequire(join(ui, 'package.json'))
const load = (name) => import(pathToFileURL(fromUi.resolve(name)))

/** Longer than a pair takes on a loaded machine. (milliseconds) */
const PATIENCE = 120_000

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: 'bridge:native,native:bridge,bridge:bridge' },
    mebibytes: { type: 'string', default: '20' },
    'piece-kib': { type: 'string', default: '1024' },
  },
})

const scratch = await mkdtemp(join(tmpdir(), 'webrtc-bridge-'))
const bridge = spawn(positionals[0], { stdio: ['ignore', 'pipe', 'inherit'] })
let failed = false
try {
  const [port] = await once(createInterface(bridge.stdout), 'line')
  await bundle(scratch)
  const site = await serve(scratch)
  const tracker = await startTracker()
  for (const pair of values.pairs.split(',')) {
    const result = await exchange(pair.split(':'), { site, tracker, bridge: `ws://127.0.0.1:${port}` })
    console.log(JSON.stringify({ pair, ...result }))
    failed ||= !result.intact
  }
} catch (error) {
  console.error(error)
  failed = true
} finally {
  bridge.kill()
  await rm(scratch, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)

/** Each side has a browser of its own, as two members have. */
async function exchange([seeding, fetching], { site, tracker, bridge }) {
  const options = {
    bytes: Number(values.mebibytes) * 1024 * 1024,
    pieceLength: Number(values['piece-kib']) * 1024,
    tracker,
  }
  const browsers = await Promise.all([launch(), launch()])
  try {
    const [seeder, fetcher] = await Promise.all(
      [seeding, fetching].map(async (kind, at) => {
        const page = await browsers[at].newPage()
        page.on('pageerror', (error) => console.error(`${kind}: ${error.stack}`))
        page.on('console', (message) => console.error(`${kind}: ${message.text()}`))
        await page.goto(site)
        await page.waitForFunction(() => 'interop' in globalThis)
        const installed = await page.evaluate(
          (url) => globalThis.interop.start(url),
          kind === 'bridge' ? bridge : null,
        )
        if (installed !== (kind === 'bridge')) throw new Error(`${kind} runs on the wrong WebRTC`)
        return page
      }),
    )
    const seeded = await seeder.evaluate((options) => globalThis.interop.seed(options), options)
    const fetched = await deadline(
      fetcher.evaluate((magnet) => globalThis.interop.download(magnet), seeded.magnet),
    )
    return {
      intact: fetched.hash === seeded.hash,
      connectMs: Math.round(fetched.connectMs),
      megabytesPerSecond: Number(fetched.megabytesPerSecond.toFixed(2)),
    }
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()))
  }
}

async function launch() {
  const { default: { chromium } } = await load('playwright-core')
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

async function bundle(out) {
  const { build } = await load('vite')
  await build({
    configFile: false,
    root: here,
    logLevel: 'warn',
    resolve: {
      alias: { 'webtorrent/dist/webtorrent.min.js': join(ui, 'node_modules/webtorrent/dist/webtorrent.min.js') },
    },
    build: {
      outDir: out,
      emptyOutDir: false,
      minify: false,
      target: 'es2023',
      rolldownOptions: { input: join(here, 'page.ts'), output: { entryFileNames: 'page.js' } },
    },
  })
}

async function serve(root) {
  const types = { '.js': 'text/javascript', '.html': 'text/html' }
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    try {
      const body =
        pathname === '/'
          ? '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'
          : await readFile(join(root, pathname))
      response.setHeader('content-type', types[extname(pathname)] ?? 'text/html')
      response.end(body)
    } catch {
      response.statusCode = 404
      response.end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/`
}

async function startTracker() {
  // By path: the package offers this entry to importers only, not to `require.resolve`.
  const entry = pathToFileURL(join(ui, 'node_modules/bittorrent-tracker/server.js'))
  const { default: Server } = await import(entry)
  const tracker = new Server({ udp: false, http: false, ws: true, stats: false })
  tracker.listen(0, '127.0.0.1')
  await once(tracker, 'listening')
  return `ws://127.0.0.1:${tracker.http.address().port}`
}

function deadline(work) {
  return Promise.race([
    work,
    new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`nothing arrived in ${PATIENCE / 1000} s`)), PATIENCE).unref()
    }),
  ])
}
