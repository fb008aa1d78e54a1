/** `RTCDataChannel` over the app's core. */
import { Outbox, readFrames, type Frame } from './frames'
import { fire, type Handler } from './handlers'
import type { ChannelConfig } from './host'

/** Largest message: what RFC 8841 lets every receiver count on. (bytes) */
const MAX_MESSAGE = 64 * 1024

/** Bytes that may wait before `send` throws, as in Chromium. */
const MAX_BUFFERED = 16 * 1024 * 1024

/** How a channel reaches its counterpart in the core. */
export interface ChannelLink {
  send(batch: Uint8Array): Promise<void>
  receive(): Promise<ArrayBuffer>
  close(): Promise<void>
}

/** As `RTCErrorEvent`. */
export class ChannelErrorEvent extends Event {
  readonly error: Error

  constructor(error: Error) {
    super('error')
    this.error = error
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class DataChannel extends EventTarget {
  readonly label: string
  readonly protocol: string
  readonly ordered: boolean
  readonly maxPacketLifeTime: number | null
  readonly maxRetransmits: number | null
  readonly negotiated: boolean
  readonly id: number | null
  bufferedAmountLowThreshold = 0
  onopen: Handler<Event> = null
  onmessage: Handler<MessageEvent<string | ArrayBuffer>> = null
  onbufferedamountlow: Handler<Event> = null
  onerror: Handler<ChannelErrorEvent> = null
  onclose: Handler<Event> = null

  #state: RTCDataChannelState = 'connecting'
  #link: ChannelLink | undefined
  #sending = false
  readonly #outbox = new Outbox()

  constructor(config: ChannelConfig) {
    super()
    this.label = config.label
    this.protocol = config.protocol
    this.ordered = config.ordered
    this.maxPacketLifeTime = config.maxPacketLifeTime
    this.maxRetransmits = config.maxRetransmits
    this.negotiated = config.negotiatedId !== null
    this.id = config.negotiatedId
  }

  get readyState(): RTCDataChannelState {
    return this.#state
  }

  /**
   * Bytes that were sent and have not left the page yet.
   *
   * One batch may be on its way to the core besides, so that the page fills the next one while
   * the wire is busy with the last; the core bounds what waits beyond that.
   */
  get bufferedAmount(): number {
    return this.#outbox.payload
  }

  get binaryType(): BinaryType {
    return 'arraybuffer'
  }

  set binaryType(type: BinaryType) {
    if (type !== 'arraybuffer') throw new DOMException('only array buffers', 'NotSupportedError')
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.#state !== 'open') {
      throw new DOMException(`the channel is ${this.#state}`, 'InvalidStateError')
    }
    const bytes = toBytes(data)
    if (bytes.byteLength > MAX_MESSAGE) {
      throw new TypeError(`a message is at most ${MAX_MESSAGE} bytes long, not ${bytes.byteLength}`)
    }
    if (this.bufferedAmount + bytes.byteLength > MAX_BUFFERED) {
      throw new DOMException('too much is waiting to be sent', 'OperationError')
    }
    this.#outbox.push(typeof data === 'string' ? 'text' : 'binary', bytes)
    // Later, so that what is sent in one go leaves in one batch.
    if (!this.#sending) queueMicrotask(() => this.#flush())
  }

  /** Sends what waits, then closes. */
  close(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#state = 'closing'
    if (!this.#sending) queueMicrotask(() => this.#flush())
  }

  /** Starts the exchange with the core. Called once, by the connection. */
  attach(link: ChannelLink): void {
    if (this.#state === 'closed') return
    this.#link = link
    void this.#pull(link)
    this.#flush()
  }

  /** Ends the channel without an event, as closing its connection does. */
  abandon(): void {
    this.#state = 'closed'
    this.#outbox.clear()
  }

  /** Ends the channel because of `error`, or as agreed with the other side. */
  end(error?: Error): void {
    if (this.#state === 'closed') return
    this.abandon()
    if (error !== undefined) fire(this, new ChannelErrorEvent(error), this.onerror)
    fire(this, new Event('close'), this.onclose)
  }

  /** One batch at a time: two on their way at once could overtake each other. */
  #flush(): void {
    if (this.#link === undefined || this.#sending || this.#state === 'closed') return
    const before = this.bufferedAmount
    const batch = this.#outbox.shift()
    if (batch === undefined) {
      if (this.#state === 'closing') this.#link.close().catch(() => this.end())
      return
    }
    this.#sending = true
    this.#link.send(batch).then(
      () => {
        this.#sending = false
        this.#flush()
      },
      (reason: unknown) => this.end(toError(reason)),
    )
    const threshold = this.bufferedAmountLowThreshold
    if (before > threshold && this.bufferedAmount <= threshold) {
      fire(this, new Event('bufferedamountlow'), this.onbufferedamountlow)
    }
  }

  /** Asks for the next batch when this one has been handled: that is the back-pressure. */
  async #pull(link: ChannelLink): Promise<void> {
    try {
      while (this.#state !== 'closed') {
        for (const frame of readFrames(await link.receive())) this.#take(frame)
      }
    } catch (reason) {
      this.end(toError(reason))
    }
  }

  #take(frame: Frame): void {
    // A message can be handled by closing the connection; nothing is delivered after that.
    if (this.#state === 'closed') return
    switch (frame.kind) {
      case 'opened':
        if (this.#state !== 'connecting') return
        this.#state = 'open'
        fire(this, new Event('open'), this.onopen)
        return
      case 'text':
        this.#deliver(decoder.decode(frame.payload))
        return
      case 'binary':
        this.#deliver(frame.payload.slice().buffer)
        return
      case 'closed': {
        const reason = decoder.decode(frame.payload)
        this.end(reason === '' ? undefined : new Error(reason))
        return
      }
    }
  }

  #deliver(data: string | ArrayBuffer): void {
    fire(this, new MessageEvent('message', { data }), this.onmessage)
  }
}

function toBytes(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data)
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw new TypeError('a message is text or bytes')
}

export function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
