/** The real swarm module between pages: WebTorrent over WebRTC, introduced by signals alone. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { TransferTask } from '../../src/protocol/generated/TransferTask'
import { openBrowser, serveSite } from './browser'
import type { Site } from './browser'
import { openTracker } from './tracker'

const PIECE = 256 * 1024
const SIZE = 5 * 1024 * 1024 - 12_345

let browser: Browser
let site: Site
let pages: Map<string, Page>

beforeAll(async () => {
  browser = await openBrowser()
  site = await serveSite()
})

afterAll(async () => {
  await browser.close()
  await site.close()
})

beforeEach(() => {
  pages = new Map()
})

afterEach(async () => {
  for (const page of pages.values()) await page.context().close()
})

test('a file goes from one member to another that knows only its info hash', async () => {
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const infoHash = await seed(ada)
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await carry(bob, { infoHash, connectTo: ['ada'] })

  await whole(bob, infoHash)

  expect(await digest(bob, infoHash)).toBe(await digest(ada, infoHash))
  expect(await bob.evaluate((hash) => window.member.holdsMetainfo(hash), infoHash)).toBe(true)
  expect(await bob.evaluate(() => window.member.faults())).toEqual([])
})

test('each piece is read from the core once, although it is sent in blocks', async () => {
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const infoHash = await seed(ada)
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await carry(bob, { infoHash, connectTo: ['ada'] })

  await whole(bob, infoHash)

  expect(await ada.evaluate(() => window.member.reads())).toBe(Math.ceil(SIZE / PIECE))
})

test('urgent pieces come before all others, in the order asked for', async () => {
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const infoHash = await seed(ada)
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await carry(bob, {
    infoHash,
    connectTo: ['ada'],
    urgent: [
      [12, 14],
      [7, 8],
    ],
  })

  await whole(bob, infoHash)

  const order = await bob.evaluate((hash) => window.member.stored(hash), infoHash)
  expect(order.slice(0, 5)).toEqual([12, 13, 14, 7, 8])
})

test('a piece that the core refuses is fetched again', async () => {
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const infoHash = await seed(ada)
  await bob.evaluate(() => window.member.refuseNextPiece())
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await carry(bob, { infoHash, connectTo: ['ada'] })
  await expect.poll(() => bob.evaluate(() => window.member.faults().length)).toBe(1)
  // The core holds the description by now and says so, as it would in its next view.
  await carry(bob, { infoHash, connectTo: ['ada'], hasMetainfo: true })

  await whole(bob, infoHash)

  expect(await digest(bob, infoHash)).toBe(await digest(ada, infoHash))
})

test('two members who lack different parts call each other and both end whole', async () => {
  const [ada, bob, cem] = [await enter('ada'), await enter('bob'), await enter('cem')]
  const infoHash = await seed(ada)
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await Promise.all([
    carry(bob, { infoHash, connectTo: ['ada', 'cem'] }),
    carry(cem, { infoHash, connectTo: ['bob', 'ada'] }),
  ])

  await Promise.all([whole(bob, infoHash), whole(cem, infoHash)])

  expect(await digest(bob, infoHash)).toBe(await digest(cem, infoHash))
})

test('a member that reloads its page is connected to again', async () => {
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const infoHash = await seed(ada)
  await carry(ada, { infoHash, hasMetainfo: true, complete: true })
  await carry(bob, { infoHash, connectTo: ['ada'], urgent: [[3, 3]] })
  await whole(bob, infoHash)

  await bob.reload()
  await bob.evaluate((id) => window.member.start(id), 'bob')
  await carry(bob, { infoHash, connectTo: ['ada'] })

  await whole(bob, infoHash)
  expect(await digest(bob, infoHash)).toBe(await digest(ada, infoHash))
})

test('a member that a tracker brings too is connected to once', async () => {
  const tracker = await openTracker()
  try {
    const [ada, bob] = [await enter('ada'), await enter('bob')]
    const infoHash = await seed(ada)
    const trackers = [tracker.url]
    await carry(ada, { infoHash, hasMetainfo: true, complete: true, trackers })
    await expect.poll(() => tracker.seeds(infoHash)).toBe(1)
    await carry(bob, { infoHash, trackers })
    await expect.poll(() => connections(bob)).toEqual({ ever: 1, open: 1 })

    await carry(bob, { infoHash, connectTo: ['ada'], trackers })

    await expect.poll(() => connections(bob)).toEqual({ ever: 2, open: 1 })
    await whole(bob, infoHash)
  } finally {
    await tracker.close()
  }
})

test('a plain WebTorrent client that knows only the tracker fetches a file', async () => {
  const tracker = await openTracker()
  try {
    const [ada, stranger] = [await enter('ada'), await enter('stranger')]
    const infoHash = await seed(ada)
    await carry(ada, { infoHash, hasMetainfo: true, complete: true, trackers: [tracker.url] })
    // Two who announce at the same moment call each other, and plain WebTorrent may then close
    // both connections; it would try again at the tracker's next interval, minutes later.
    await expect.poll(() => tracker.seeds(infoHash)).toBe(1)

    const fetched = await stranger.evaluate(([hash, url]) => window.member.fetchPlainly(hash, url), [
      infoHash,
      tracker.url,
    ] as const)

    expect(fetched).toBe(await digest(ada, infoHash))
  } finally {
    await tracker.close()
  }
})

async function enter(userId: string): Promise<Page> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.exposeFunction('carry', async (to: string, data: unknown) => {
    await pages.get(to)?.evaluate(([from, signal]) => window.member.signal(from, signal), [userId, data] as const)
  })
  await page.goto(`${site.url}tests/e2e/swarm.html`)
  await page.evaluate((id) => window.member.start(id), userId)
  pages.set(userId, page)
  return page
}

function seed(page: Page): Promise<string> {
  return page.evaluate(([size, piece]) => window.member.seed(size, piece), [SIZE, PIECE] as const)
}

async function carry(page: Page, task: Pick<TransferTask, 'infoHash'> & Partial<TransferTask>): Promise<void> {
  const full = {
    fileId: 'f'.repeat(64),
    size: SIZE,
    hasMetainfo: false,
    complete: false,
    connectTo: [],
    urgent: [],
    trackers: [],
    ...task,
  }
  await page.evaluate((tasks) => window.member.tasks(tasks), [full])
}

async function whole(page: Page, infoHash: string): Promise<void> {
  const pieces = Math.ceil(SIZE / PIECE)
  await expect.poll(() => page.evaluate((hash) => new Set(window.member.stored(hash)).size, infoHash)).toBe(pieces)
}

function connections(page: Page): Promise<{ ever: number; open: number }> {
  return page.evaluate(() => window.member.connections())
}

function digest(page: Page, infoHash: string): Promise<string> {
  return page.evaluate((hash) => window.member.digest(hash), infoHash)
}
