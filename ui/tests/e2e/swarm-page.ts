/**
 * One member of a swarm in a page: the real swarm module on a host whose pieces are in memory.
 * The test drives it through `window.member` and carries its signals to the other page.
 */
import type { Host } from '../../src/host/host'
import type { TransferTask } from '../../src/protocol/generated/TransferTask'
import type { TransferRates } from '../../src/protocol/generated/TransferRates'
import { openSwarm } from '../../src/swarm/client'

declare global {
  interface Window {
    /** Given by the test: carries a signal to another member. */
    carry(to: string, data: unknown): Promise<void>
    member: Member
  }
}

export interface Member {
  start(userId: string): void
  /** Makes a torrent of `size` random bytes, whole on this side. */
  seed(size: number, pieceLength: number): Promise<string>
  tasks(tasks: TransferTask[]): void
  signal(from: string, data: unknown): void
  /** Makes the next piece that is written be refused. */
  refuseNextPiece(): void
  /** Pieces in the order in which they were stored. */
  stored(infoHash: string): number[]
  holdsMetainfo(infoHash: string): boolean
  digest(infoHash: string): Promise<string>
  faults(): string[]
  rates(infoHash: string): TransferRates | null
  reads(): number
  /** WebRTC connections of this page: how many were ever made, how many still stand. */
  connections(): { ever: number; open: number }
  /** Fetches a torrent as any other WebTorrent client would: from a tracker, into memory. */
  fetchPlainly(infoHash: string, tracker: string): Promise<string>
}

interface Kept {
  metainfo: Uint8Array | null
  pieces: Map<number, Uint8Array>
  order: number[]
  count: number
}

const torrents = new Map<string, Kept>()
const faults: string[] = []
const rates = new Map<string, TransferRates>()
let refuse = false
let reads = 0

function kept(infoHash: string): Kept {
  const found = torrents.get(infoHash)
  if (found) return found
  const fresh: Kept = { metainfo: null, pieces: new Map(), order: [], count: 0 }
  torrents.set(infoHash, fresh)
  return fresh
}

const host: Host = {
  capabilities: { addsFiles: false },
  language: { chosen: () => 'system', keep: () => {} },
  sendIntent(intent) {
    if (intent.type === 'sendSignal') return window.carry(intent.to, intent.data)
    if (intent.type === 'reportFault') faults.push(intent.text)
    if (intent.type === 'reportTransfer') rates.set(intent.infoHash, intent.rates)
    return Promise.resolve()
  },
  subscribe: () => () => {},
  pickFiles: () => Promise.resolve(),
  saveReport: () => Promise.resolve(false),
  notify: () => Promise.resolve(),
  artwork: () => Promise.resolve(null),
  readPiece(infoHash, index, offset, length) {
    reads += 1
    const piece = kept(infoHash).pieces.get(index)
    return piece ? Promise.resolve(piece.slice(offset, offset + length)) : Promise.reject(new Error('not held'))
  },
  writePiece(infoHash, index, bytes) {
    const torrent = kept(infoHash)
    if (!torrent.metainfo) return Promise.reject(new Error('a piece came before its description'))
    if (refuse) {
      refuse = false
      return Promise.reject(new Error(`piece ${index} does not match its hash`))
    }
    torrent.pieces.set(index, bytes.slice())
    torrent.order.push(index)
    return Promise.resolve()
  },
  metainfo(infoHash) {
    const { metainfo } = kept(infoHash)
    return metainfo ? Promise.resolve(metainfo) : Promise.reject(new Error('no description'))
  },
  putMetainfo(infoHash, bytes) {
    const torrent = kept(infoHash)
    torrent.metainfo = bytes.slice()
    const [, hashes = '0'] = /6:pieces(\d+):/.exec(new TextDecoder('latin1').decode(bytes)) ?? []
    torrent.count = Number(hashes) / 20
    return Promise.resolve()
  },
  heldPieces(infoHash) {
    const { pieces, count } = kept(infoHash)
    const field = new Uint8Array(Math.ceil(count / 8))
    for (const index of pieces.keys()) field[index >> 3] = (field[index >> 3] ?? 0) | (0x80 >> (index & 7))
    return Promise.resolve(field)
  },
}

const connected = new Set<RTCPeerConnection>()

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration)
    this.addEventListener('connectionstatechange', () => {
      if (this.connectionState === 'connected') connected.add(this)
    })
  }
}

let me = ''
const swarm = openSwarm(host)

window.member = {
  start(userId) {
    me = userId
  },
  async seed(size, pieceLength) {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)))
    const pieces = new Map<number, Uint8Array>()
    const hashes: Uint8Array[] = []
    for (let at = 0; at < size; at += pieceLength) {
      const piece = bytes.slice(at, Math.min(size, at + pieceLength))
      pieces.set(pieces.size, piece)
      hashes.push(new Uint8Array(await crypto.subtle.digest('SHA-1', piece)))
    }
    const info = concat([
      text(`d6:lengthi${size}e4:name9:song.flac12:piece lengthi${pieceLength}e6:pieces${hashes.length * 20}:`),
      ...hashes,
      text('e'),
    ])
    const infoHash = hex(new Uint8Array(await crypto.subtle.digest('SHA-1', info)))
    const metainfo = concat([text('d4:info'), info, text('e')])
    torrents.set(infoHash, { metainfo, pieces, order: [], count: hashes.length })
    return infoHash
  },
  tasks(transfers) {
    swarm.handleView({
      me: { userId: me, alias: me },
      swarm: null,
      transfers,
      settings: { network: { publicTrackers: false, iceServers: [] } },
    })
  },
  signal: (from, data) => swarm.handleSignal(from, data),
  refuseNextPiece() {
    refuse = true
  },
  stored: (infoHash) => kept(infoHash).order,
  holdsMetainfo: (infoHash) => kept(infoHash).metainfo !== null,
  async digest(infoHash) {
    return digestOf(kept(infoHash).pieces)
  },
  faults: () => faults,
  rates: (infoHash) => rates.get(infoHash) ?? null,
  reads: () => reads,
  connections: () => ({
    ever: connected.size,
    open: [...connected].filter((connection) => connection.connectionState === 'connected').length,
  }),
  async fetchPlainly(infoHash, tracker) {
    const { default: WebTorrent } = await import('webtorrent/dist/webtorrent.min.js')
    const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } })
    const stored = new Map<number, Uint8Array>()
    class Memory {
      put(index: number, bytes: Uint8Array, done: (error: Error | null) => void): void {
        stored.set(index, bytes.slice())
        done(null)
      }
      get(_index: number, _part: unknown, got: (error: Error | null) => void): void {
        got(new Error('nothing is served from here'))
      }
      close(done: () => void): void {
        done()
      }
    }
    const torrent = client.add(`magnet:?xt=urn:btih:${infoHash}`, {
      announce: [tracker],
      store: Memory,
      storeCacheSlots: 0,
    })
    await new Promise<void>((resolve, reject) => {
      torrent.on('done', resolve)
      torrent.on('error', reject)
    })
    return digestOf(stored)
  },
}

async function digestOf(pieces: ReadonlyMap<number, Uint8Array>): Promise<string> {
  const whole = concat([...pieces].toSorted(([a], [b]) => a - b).map(([, piece]) => piece))
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', whole)))
}

function text(ascii: string): Uint8Array {
  return new TextEncoder().encode(ascii)
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
