/** The page's end of `examples/bridge_server.rs`: `RtcHost` over a WebSocket. */
import type { ConnectionEvent, RtcHost } from '../../../../ui/src/rtc/host'

interface Waiting {
  resolve(value: never): void
  reject(reason: Error): void
}

export async function socketHost(url: string): Promise<RtcHost> {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`no bridge at ${url}`))
  })

  const waiting = new Map<number, Waiting>()
  const listeners = new Map<number, (event: ConnectionEvent) => void>()
  let last = 0

  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== 'string') {
      const id = new DataView(data).getUint32(0, true)
      waiting.get(id)?.resolve(data.slice(4) as never)
      waiting.delete(id)
      return
    }
    const message = JSON.parse(data)
    if ('event' in message) {
      listeners.get(message.events)?.(message.event)
      return
    }
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if ('error' in message) call?.reject(new Error(message.error))
    else call?.resolve(message.ok as never)
  }

  function begin<T>(start: (id: number) => void): Promise<T> {
    const id = ++last
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      start(id)
    })
  }

  function call<T>(command: string, args: object = {}): Promise<T> {
    return begin((id) => socket.send(JSON.stringify({ id, command, args })))
  }

  return {
    reset: () => call('reset'),
    open: (config, onEvent) => {
      const events = ++last
      listeners.set(events, onEvent)
      return call('open', { config, events })
    },
    close: (connection) => call('close', { connection }),
    createChannel: (connection, config) => call('createChannel', { connection, config }),
    createOffer: (connection) => call('createOffer', { connection }),
    createAnswer: (connection) => call('createAnswer', { connection }),
    setLocal: (connection, description) => call('setLocal', { connection, description }),
    setRemote: (connection, description) => call('setRemote', { connection, description }),
    addCandidate: (connection, candidate) => call('addCandidate', { connection, candidate }),
    selectedPath: (connection) => call('selectedPath', { connection }),
    send: (connection, channel, batch) =>
      begin((id) => {
        const bytes = new Uint8Array(12 + batch.byteLength)
        const view = new DataView(bytes.buffer)
        view.setUint32(0, id, true)
        view.setUint32(4, connection, true)
        view.setUint32(8, channel, true)
        bytes.set(batch, 12)
        socket.send(bytes)
      }),
    receive: (connection, channel) => call('receive', { connection, channel }),
    closeChannel: (connection, channel) => call('closeChannel', { connection, channel }),
  }
}
