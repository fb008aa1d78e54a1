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
  seed(size: number, pieceLength: number): Promise<{ infoHash: string; metainfo: number[] }>
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
  sendIntent(intent) {
    if (intent.type === 'sendSignal') return window.carry(intent.to, intent.data)
    if (intent.type === 'reportFault') faults.push(intent.text)
    if (intent.type === 'reportTransfer') rates.set(intent.infoHash, intent.rates)
    return Promise.resolve()
  },
  subscribe: () => () => {},
  pickFiles: () => Promise.resolve(),
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
    kept(infoHash).metainfo = bytes.slice()
    kept(infoHash).count = new TextDecoder('latin1').decode(bytes).match(/6:pieces(\d+):/)?.[1] === undefined ? 0 : Number(new TextDecoder('latin1').decode(bytes).match(/6:pieces(\d+):/)?.[1]) / 20
    return Promise.resolve()
  },
  heldPieces(infoHash) {
    const { pieces, count } = kept(infoHash)
    const field = new Uint8Array(Math.ceil(count / 8))
    for (const index of pieces.keys()) field[index >> 3] = (field[index >> 3] ?? 0) | (0x80 >> (index & 7))
    return Promise.resolve(field)
  },
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
    return { infoHash, metainfo: [...metainfo] }
  },
  tasks(transfers) {
    swarm.handleView({
      me: { userId: me, alias: me },
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
    const { pieces } = kept(infoHash)
    const whole = concat([...pieces].toSorted(([a], [b]) => a - b).map(([, piece]) => piece))
    return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', whole)))
  },
  faults: () => faults,
  rates: (infoHash) => rates.get(infoHash) ?? null,
  reads: () => reads,
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
