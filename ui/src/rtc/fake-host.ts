/** A core in memory, for tests of the stand-in: it records calls and answers as it is told. */
import type { ChannelConfig, ConnectionConfig, ConnectionEvent, RtcHost, SelectedPath } from './host'

export class FakeHost implements RtcHost {
  readonly calls: string[] = []
  readonly batches: Uint8Array[] = []
  configs: (ConnectionConfig | ChannelConfig)[] = []
  path: SelectedPath | null = null
  /** When set, what `open` fails with. */
  refusal: Error | null = null
  emit: (event: ConnectionEvent) => void = () => undefined
  /** Called while a description is being set, before that call returns. */
  whileSettingLocal: () => void = () => undefined

  #releaseSend: (() => void) | null = null
  #incoming: ArrayBuffer[] = []
  #wake: (() => void) | null = null
  holdSends = false

  async reset() {
    this.calls.push('reset')
  }

  async open(config: ConnectionConfig, onEvent: (event: ConnectionEvent) => void) {
    this.calls.push('open')
    this.configs.push(config)
    this.emit = onEvent
    if (this.refusal !== null) throw this.refusal
    return 1
  }

  async close() {
    this.calls.push('close')
  }

  async createChannel(_connection: number, config: ChannelConfig) {
    this.calls.push('createChannel')
    this.configs.push(config)
    return 11
  }

  async createOffer() {
    this.calls.push('createOffer')
    return { type: 'offer', sdp: 'v=0 bare' } as const
  }

  async createAnswer() {
    this.calls.push('createAnswer')
    return { type: 'answer', sdp: 'v=0 bare' } as const
  }

  async setLocal() {
    this.calls.push('setLocal')
    this.whileSettingLocal()
    return null
  }

  async setRemote() {
    this.calls.push('setRemote')
  }

  async addCandidate() {
    this.calls.push('addCandidate')
  }

  async selectedPath() {
    return this.path
  }

  async send(_connection: number, _channel: number, batch: Uint8Array) {
    this.batches.push(batch)
    if (!this.holdSends) return
    await new Promise<void>((resolve) => {
      this.#releaseSend = resolve
    })
  }

  async receive() {
    while (true) {
      const batch = this.#incoming.shift()
      if (batch !== undefined) return batch
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async closeChannel() {
    this.calls.push('closeChannel')
  }

  /** Lets the page have frames. */
  deliver(...frames: (readonly [kind: number, payload: Uint8Array | string])[]): void {
    const bytes = frames.flatMap(([kind, payload]) => {
      const raw = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
      const length = raw.byteLength
      return [kind, length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24, ...raw]
    })
    this.#incoming.push(new Uint8Array(bytes).buffer)
    this.#wake?.()
  }

  /** Answers the send that is waiting. */
  releaseSend(): void {
    this.#releaseSend?.()
  }
}

/** Lets everything that is ready happen. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}
