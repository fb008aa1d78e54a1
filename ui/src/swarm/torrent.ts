/**
 * One torrent as WebTorrent carries it: added with what the core holds, told what to fetch first,
 * and given its connections. It decides nothing; `roster.ts` and `links.ts` do.
 */
import type { Torrent } from 'webtorrent/dist/webtorrent.min.js'
import type WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import type Peer from '@thaunknown/simple-peer/lite.js'
import type { PieceHost } from '../host/host'
import type { TransferRates } from '../protocol/generated/TransferRates'
import type { TransferTask } from '../protocol/generated/TransferTask'
import type { PieceCache } from './piece-cache'
import { asError, PieceStore } from './piece-store'
import type { StoreOptions, TorrentPieces } from './piece-store'
import { sameSelection, selectionOf } from './selection'
import type { PieceRange } from './selection'

export interface CarriedTorrent {
  /** Takes over what is wanted of the torrent. */
  update(task: TransferTask): void
  /** Gives a connected peer to WebTorrent, now or as soon as the torrent can take it. */
  attach(peer: Peer): void
  /** True while either side still wants bytes over this connection. */
  isBusy(connection: string): boolean
  /** True once WebTorrent has every piece. */
  isWhole(): boolean
  rates(): TransferRates
  close(): void
}

export interface CarriedEvents {
  /** A piece was verified and stored. */
  readonly progressed: () => void
  /** The torrent ended by itself. */
  readonly failed: (error: Error) => void
}

export interface Means {
  readonly client: WebTorrent
  readonly host: PieceHost
  readonly cache: PieceCache
}

export function carryTorrent(first: TransferTask, means: Means, events: CarriedEvents): CarriedTorrent {
  const { infoHash } = first
  let task = first
  let torrent: Torrent | null = null
  let ended = false
  let takesPeers = false
  let waiting: Peer[] = []
  let applied: readonly PieceRange[] = []

  function fail(error: Error): void {
    if (ended) return
    close()
    events.failed(error)
  }

  function close(): void {
    ended = true
    for (const peer of waiting) peer.destroy()
    waiting = []
    if (torrent && !torrent.destroyed) torrent.destroy()
  }

  function select(): void {
    if (!torrent?.ready || torrent.destroyed) return
    const ranges = selectionOf(task, torrent.pieces.length)
    if (sameSelection(ranges, applied)) return
    // All of one priority: among equals WebTorrent keeps the order of insertion, while ranges of
    // different priority above zero are shuffled after each round of requests.
    for (const [from, to] of applied) torrent._deselect(from, to, true)
    for (const [from, to] of ranges) torrent._select(from, to, 0, undefined, true)
    applied = ranges
  }

  function takePeers(): void {
    takesPeers = true
    for (const peer of waiting.splice(0)) attach(peer)
  }

  function attach(peer: Peer): void {
    if (ended || !torrent || torrent.destroyed) peer.destroy()
    else torrent.addPeer(peer)
  }

  /** A tracker may introduce a member that is connected already; one connection is enough. */
  function dropSecondConnections(): void {
    const made = new Map([...(torrent?._peers ?? [])].map(([id, peer]) => [peer.wire, id]))
    const wires = torrent?.wires ?? []
    for (const wire of wires) {
      if (isOurs(made.get(wire))) continue
      const twin = wires.find((other) => other !== wire && other.peerId === wire.peerId && isOurs(made.get(other)))
      if (twin) queueMicrotask(() => wire.destroy())
    }
  }

  async function start(): Promise<void> {
    const known = task.hasMetainfo
    const [description, held] = known
      ? await Promise.all([means.host.metainfo(infoHash), means.host.heldPieces(infoHash)])
      : [`magnet:?xt=urn:btih:${infoHash}`, null]
    if (ended) return

    const gate = known ? { promise: Promise.resolve(), open: () => {} } : createGate()
    const pieces: TorrentPieces = {
      infoHash,
      host: means.host,
      cache: means.cache,
      described: gate.promise,
      mayHold: known,
    }
    const storeOpts: Pick<StoreOptions, 'pieces'> = { pieces }
    const added = means.client.add(description, {
      announce: task.trackers,
      store: PieceStore,
      storeOpts,
      storeCacheSlots: 0,
      deselect: true,
      ...(task.complete ? { skipVerify: true } : held ? { bitfield: held } : {}),
    })
    torrent = added
    added.on('infoHash', takePeers)
    added.on('metadata', () => {
      if (pieces.mayHold) return
      means.host.putMetainfo(infoHash, added.torrentFile).then(
        () => {
          pieces.mayHold = true
          gate.open()
        },
        (cause: unknown) => fail(asError(cause)),
      )
    })
    added.on('ready', select)
    added.on('verified', () => {
      // Before that, WebTorrent only takes over what the core holds.
      if (added.ready) events.progressed()
    })
    added.on('wire', dropSecondConnections)
    // A tracker that cannot be reached is no fault: members find each other without it.
    added.on('warning', () => {})
    added.on('error', fail)
  }

  start().catch((cause: unknown) => fail(asError(cause)))

  return {
    update(next) {
      task = next
      select()
    },
    attach(peer) {
      if (ended || takesPeers) attach(peer)
      else waiting.push(peer)
    },
    isBusy(connection) {
      const wire = torrent?._peers?.get(connection)?.wire
      return !!wire && (wire.amInterested || wire.peerInterested)
    },
    isWhole() {
      return !!torrent?.ready && torrent.progress === 1
    },
    rates() {
      if (!torrent || torrent.destroyed) return { peers: 0, down: 0, up: 0 }
      return { peers: torrent.numPeers, down: torrent.downloadSpeed, up: torrent.uploadSpeed }
    },
    close,
  }
}

/** Connections made here carry this in front of their name, trackers' have a bare peer id. */
export const OURS = 'member-'

function isOurs(id: string | undefined): boolean {
  return id?.startsWith(OURS) ?? false
}

function createGate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
