/** What runs in the pages of `interop.mjs`: a WebTorrent that seeds or fetches. */
import { installRtc } from '../../../../ui/src/rtc/install'
import { socketHost } from './socket-host'

interface Torrent {
  readonly magnetURI: string
  readonly files: readonly { arrayBuffer(): Promise<ArrayBuffer> }[]
  on(event: 'done' | 'trackerAnnounce' | 'wire', listener: () => void): void
}

interface Client {
  seed(file: File, options: object): Torrent
  add(magnet: string, options: object): Torrent
  on(event: 'error', listener: (error: Error) => void): void
}

interface Options {
  readonly bytes: number
  readonly pieceLength: number
  readonly tracker: string
}

let client: Client
let failure: Promise<never>

/** Starts WebTorrent, over the bridge at `url` or, without one, over the browser's own WebRTC. */
async function start(url: string | null): Promise<boolean> {
  let installed = false
  if (url !== null) {
    // As in a webview without WebRTC: no page of it ever sees the names.
    for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'mozRTCPeerConnection']) {
      Object.defineProperty(globalThis, name, { value: undefined, writable: true, configurable: true })
    }
    installed = await installRtc(await socketHost(url))
  }
  // As it comes from the registry, and evaluated only now.
  const { default: WebTorrent } = await import('webtorrent/dist/webtorrent.min.js')
  client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } })
  failure = new Promise((_, reject) => client.on('error', reject))
  return installed
}

async function seed({ bytes, pieceLength, tracker }: Options) {
  const content = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(content.subarray(at, at + 65536))
  const file = new File([content], 'song.bin')
  const torrent = await Promise.race([
    failure,
    new Promise<Torrent>((resolve) => {
      const torrent = client.seed(file, { announce: [tracker], pieceLength })
      // A seed announces that it has started and that it is complete, in any order. The offers go
      // with the former: two WebTorrents whose offers cross each close the connection the
      // other keeps, and do not try again for minutes.
      let answers = 0
      torrent.on('trackerAnnounce', () => {
        answers += 1
        if (answers === 2) resolve(torrent)
      })
    }),
  ])
  return { magnet: torrent.magnetURI, hash: await sha256(content) }
}

async function download(magnet: string) {
  const started = performance.now()
  let connected = 0
  const torrent = client.add(magnet, {})
  await Promise.race([
    failure,
    new Promise<void>((resolve) => {
      torrent.on('wire', () => {
        connected ||= performance.now()
      })
      torrent.on('done', resolve)
    }),
  ])
  const finished = performance.now()
  const content = await torrent.files[0]!.arrayBuffer()
  return {
    hash: await sha256(content),
    connectMs: connected - started,
    megabytesPerSecond: content.byteLength / 1000 / (finished - connected),
  }
}

async function sha256(content: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

Object.assign(globalThis, { interop: { start, seed, download } })
