/**
 * The chunk store WebTorrent reads and writes: every piece lives in the core, none in the page.
 *
 * WebTorrent has checked a piece's hash before it is put here, and the core checks it again.
 * Start at `PieceStore`; WebTorrent constructs one per torrent from `TorrentPieces`.
 */
import type { InfoHash } from '../protocol/generated/InfoHash'
import type { PieceHost } from '../host/host'
import type { PieceCache } from './piece-cache'

/** What a store needs to know of its torrent; passed through WebTorrent's `storeOpts`. */
export interface TorrentPieces {
  readonly infoHash: InfoHash
  readonly host: PieceHost
  readonly cache: PieceCache
  /** Settles once the core knows the torrent's description; nothing is stored before. */
  readonly described: Promise<void>
  /** False while the core cannot hold any piece yet, so that reading need not ask. */
  mayHold: boolean
}

/** Options WebTorrent adds to `storeOpts`. */
export interface StoreOptions {
  readonly pieces: TorrentPieces
  /** Bytes in the torrent. */
  readonly length: number
}

type Done = (error?: Error | null) => void
type Got = (error: Error | null, bytes?: Uint8Array) => void
interface Part {
  readonly offset?: number
  readonly length?: number
}

export class PieceStore {
  readonly chunkLength: number
  readonly #pieces: TorrentPieces
  readonly #length: number
  #closed = false

  constructor(chunkLength: number, options: StoreOptions) {
    this.chunkLength = chunkLength
    this.#pieces = options.pieces
    this.#length = options.length
  }

  put(index: number, bytes: Uint8Array, done: Done = () => {}): void {
    const { described, host, infoHash } = this.#pieces
    described
      .then(() => {
        if (this.#closed) throw new Error('the store is closed')
        return host.writePiece(infoHash, index, bytes)
      })
      .then(
        () => done(null),
        (cause: unknown) => done(asError(cause)),
      )
  }

  get(index: number, part: Part | Got | null, got?: Got): void {
    if (typeof part === 'function') {
      this.get(index, null, part)
      return
    }
    const answer = got ?? (() => {})
    const { cache, host, infoHash, mayHold } = this.#pieces
    if (this.#closed || !mayHold) {
      queueMicrotask(() => answer(new Error(`piece ${index} is not held`)))
      return
    }
    const whole = Math.min(this.chunkLength, this.#length - index * this.chunkLength)
    const offset = part?.offset ?? 0
    const length = part?.length ?? whole - offset
    cache
      .read(`${infoHash}/${index}`, () => host.readPiece(infoHash, index, 0, whole))
      .then(
        (piece) => answer(null, piece.subarray(offset, offset + length)),
        (cause: unknown) => answer(asError(cause)),
      )
  }

  close(done: Done = () => {}): void {
    this.#closed = true
    this.#pieces.cache.forget(`${this.#pieces.infoHash}/`)
    done(null)
  }

  /** The pieces belong to the core; forgetting a torrent here deletes nothing. */
  destroy(done: Done = () => {}): void {
    this.close(done)
  }
}

/** Whatever was thrown, as an `Error` that says the same. */
export function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(typeof cause === 'string' ? cause : JSON.stringify(cause))
}
