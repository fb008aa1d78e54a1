/** The part of bittorrent-tracker 11.2.3 that is used here. */
declare module 'bittorrent-tracker/server' {
  import type { Server as HttpServer } from 'node:http'

  export default class Server {
    constructor(options: { udp: boolean; http: boolean; ws: boolean; stats: boolean })
    readonly http: HttpServer | null
    /** By info hash, in hex. */
    readonly torrents: Readonly<Record<string, { readonly complete: number } | undefined>>
    listen(port: number, host: string, listening: () => void): void
    close(closed: () => void): void
    on(event: 'warning' | 'error', listener: (cause: Error) => void): void
  }
}
