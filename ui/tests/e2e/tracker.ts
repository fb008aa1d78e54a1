/** A WebTorrent tracker on this machine, as any relay carries one. */
import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import Server from 'bittorrent-tracker/server'

export interface Tracker {
  readonly url: string
  /** How many have announced that they hold all of a torrent. */
  seeds(infoHash: string): number
  close(): Promise<void>
}

export function openTracker(): Promise<Tracker> {
  const server = new Server({ udp: false, http: false, ws: true, stats: false })
  const sockets = new Set<Socket>()
  server.http?.on('connection', (socket) => sockets.add(socket))
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.on('warning', () => {})
    server.listen(0, '127.0.0.1', () => {
      resolve({
        url: `ws://127.0.0.1:${portOf(server.http)}`,
        seeds: (infoHash) => server.torrents[infoHash]?.complete ?? 0,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            for (const socket of sockets) socket.destroy()
          }),
      })
    })
  })
}

function portOf(server: HttpServer | null): number {
  const address = server?.address()
  if (!address || typeof address === 'string') throw new Error('the tracker has no port')
  return address.port
}
