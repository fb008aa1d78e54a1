/** The part of WebTorrent 3.0.21 and simple-peer 10.1.2 that is used here. */

declare module 'webtorrent/dist/webtorrent.min.js' {
  import type Peer from '@thaunknown/simple-peer/lite.js'

  interface ClientOptions {
    dht?: boolean
    lsd?: boolean
    utPex?: boolean
    natUpnp?: boolean
    natPmp?: boolean
    webSeeds?: boolean
    maxConns?: number
    tracker?: { rtcConfig?: RTCConfiguration } | false
  }

  interface TorrentOptions {
    announce?: string[]
    store?: new (chunkLength: number, options: never) => object
    storeOpts?: object
    /** Pieces WebTorrent keeps in memory by itself; 0 for none. */
    storeCacheSlots?: number
    skipVerify?: boolean
    bitfield?: Uint8Array
    deselect?: boolean
  }

  interface Wire {
    readonly peerId: string
    readonly amInterested: boolean
    readonly peerInterested: boolean
    destroy(): void
    on(event: 'close', listener: () => void): void
  }

  export interface Torrent {
    readonly infoHash: string
    readonly ready: boolean
    readonly destroyed: boolean
    readonly progress: number
    readonly pieces: { readonly length: number }
    /** The whole .torrent, once known. */
    readonly torrentFile: Uint8Array
    readonly wires: readonly Wire[]
    readonly numPeers: number
    readonly downloadSpeed: number
    readonly uploadSpeed: number
    addPeer(peer: Peer): boolean
    select(start: number, end: number, priority: number): void
    deselect(start: number, end: number): void
    destroy(done?: () => void): void
    on(event: 'infoHash' | 'metadata' | 'ready' | 'done' | 'close', listener: () => void): void
    on(event: 'verified', listener: (index: number) => void): void
    on(event: 'wire', listener: (wire: Wire) => void): void
    on(event: 'error' | 'warning', listener: (error: Error) => void): void

    /**
     * Not public, and the only way to order ranges: `select` merges a range with every one it
     * touches and gives all of them the higher priority. Ranges marked `isStream` stay apart.
     */
    _select(start: number, end: number, priority: number, notify: undefined, isStream: boolean): void
    _deselect(start: number, end: number, isStream: boolean): void
    /** Not public: connections by id, to tell those made here from those a tracker brought. */
    readonly _peers: ReadonlyMap<string, { readonly wire: Wire | null }> | null
  }

  export default class WebTorrent {
    constructor(options?: ClientOptions)
    readonly peerId: string
    /** Read whenever a torrent starts to announce. */
    tracker: { rtcConfig?: RTCConfiguration }
    add(torrent: Uint8Array | string, options: TorrentOptions): Torrent
    destroy(done?: () => void): void
    on(event: 'error', listener: (error: Error) => void): void
  }
}

declare module '@thaunknown/simple-peer/lite.js' {
  interface PeerOptions {
    initiator: boolean
    trickle: boolean
    config: RTCConfiguration
  }

  interface Signal {
    readonly type: string
    readonly sdp?: string
    readonly candidate?: object
  }

  export default class Peer {
    constructor(options: PeerOptions)
    /** WebTorrent keeps its connections by this. */
    id?: string
    readonly connected: boolean
    readonly destroyed: boolean
    signal(signal: Signal): void
    destroy(): void
    on(event: 'signal', listener: (signal: Signal) => void): void
    on(event: 'connect' | 'close', listener: () => void): void
    on(event: 'error', listener: (error: Error) => void): void
  }
}
