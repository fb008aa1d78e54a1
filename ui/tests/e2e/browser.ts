/** Debian's Chromium and the built window, served as strictly as the app serves it. */
import { createServer } from 'node:net'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { preview } from 'vite'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Starts a browser that asks nobody but the pages under test. */
export function openBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  })
}

export interface Site {
  readonly url: string
  close(): Promise<void>
}

/** Serves the build that `npm run e2e` has made. */
export async function serveSite(): Promise<Site> {
  const server = await preview({ mode: 'e2e', logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } })
  const address = server.httpServer.address()
  if (address === null || typeof address === 'string') throw new Error('the preview server has no port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.httpServer.close(() => resolve())
      }),
  }
}

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
