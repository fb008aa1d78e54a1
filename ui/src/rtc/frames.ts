/**
 * Batches of frames, the form in which bytes cross between the page and the core.
 *
 * A call to the core costs milliseconds whatever its size, so messages travel many at a time. A
 * batch is frames one after the other: `[kind u8][length u32, little endian][payload]`. The other
 * end of this format is `crates/webrtc-bridge/src/frame.rs`.
 */

/** Bytes in front of each payload. */
const HEADER = 5

/** A batch is handed over as it is once it would grow beyond this: as large as pays. (bytes) */
export const MAX_BATCH = 512 * 1024

/** Room a new batch starts with: what WebTorrent writes before it waits. (bytes) */
const FIRST_ROOM = 96 * 1024

const KINDS = ['text', 'binary', 'opened', 'closed'] as const

export type FrameKind = (typeof KINDS)[number]

export interface Frame {
  readonly kind: FrameKind
  /** A view into the batch. */
  readonly payload: Uint8Array<ArrayBuffer>
}

/** Takes a batch apart. Throws on anything that is not whole frames. */
export function* readFrames(batch: ArrayBuffer): Generator<Frame> {
  const view = new DataView(batch)
  let at = 0
  while (at < batch.byteLength) {
    if (at + HEADER > batch.byteLength) throw new RangeError('the batch ends inside a header')
    const kind = KINDS[view.getUint8(at)]
    if (kind === undefined) throw new RangeError(`frame of unknown kind ${view.getUint8(at)}`)
    const length = view.getUint32(at + 1, true)
    at += HEADER
    if (at + length > batch.byteLength) throw new RangeError('the batch ends inside a frame')
    yield { kind, payload: new Uint8Array(batch, at, length) }
    at += length
  }
}

/** Messages on their way out, copied once, into the batches they will leave in. */
export class Outbox {
  readonly #batches: Batch[] = []
  #payload = 0

  /** Bytes of messages, without headers. */
  get payload(): number {
    return this.#payload
  }

  push(kind: 'text' | 'binary', payload: Uint8Array): void {
    let batch = this.#batches.at(-1)
    if (batch === undefined || !batch.fits(payload.byteLength)) {
      batch = new Batch()
      this.#batches.push(batch)
    }
    batch.push(KINDS.indexOf(kind), payload)
    this.#payload += payload.byteLength
  }

  /** The oldest batch, or undefined when nothing waits. */
  shift(): Uint8Array<ArrayBuffer> | undefined {
    const batch = this.#batches.shift()
    if (batch === undefined) return undefined
    this.#payload -= batch.payload
    return batch.bytes()
  }

  clear(): void {
    this.#batches.length = 0
    this.#payload = 0
  }
}

class Batch {
  #buffer = new Uint8Array(FIRST_ROOM)
  #length = 0
  payload = 0

  fits(payload: number): boolean {
    return this.#length === 0 || this.#length + HEADER + payload <= MAX_BATCH
  }

  push(kind: number, payload: Uint8Array): void {
    const start = this.#length
    const end = start + HEADER + payload.byteLength
    if (end > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.byteLength))
      larger.set(this.#buffer.subarray(0, start))
      this.#buffer = larger
    }
    this.#buffer[start] = kind
    new DataView(this.#buffer.buffer).setUint32(start + 1, payload.byteLength, true)
    this.#buffer.set(payload, start + HEADER)
    this.#length = end
    this.payload += payload.byteLength
  }

  /** A buffer of its own, exactly as long as what is in it: callers pass on the whole of it. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length)
  }
}
