/**
 * Carries the files of the swarm by WebTorrent: what the core lists is fetched and shared, by
 * connections the members make to each other through `rtc:signal`.
 *
 * A thin shell. What to carry is decided in `roster.ts`, whom to connect to in `links.ts`; here
 * their commands meet WebTorrent, WebRTC, timers and the host. Start at `openSwarm`.
 */
import type Peer from '@thaunknown/simple-peer/lite.js'
import type { Host } from '../host/host'
import type { InfoHash } from '../protocol/generated/InfoHash'
import type { Intent } from '../protocol/generated/Intent'
import type { SwarmView } from '../protocol/generated/SwarmView'
import type { TransferRates } from '../protocol/generated/TransferRates'
import type { UserId } from '../protocol/generated/UserId'
import type { View } from '../protocol/generated/View'
import { iceServersOf } from '../state/ice'
import { loadEngine } from './engine'
import type { Engine } from './engine'
import { createLinks, EARLY_CALL_KEPT } from './links'
import type { LinkCommand, Links } from './links'
import { createPieceCache } from './piece-cache'
import { asError } from './piece-store'
import { createRoster } from './roster'
import type { RosterCommand } from './roster'
import { decodeLinkSignal } from './signal'
import { carryTorrent, OURS } from './torrent'
import type { CarriedTorrent } from './torrent'

/** The part of a view that concerns transfers. */
export type SwarmState = Pick<View, 'me' | 'transfers'> & {
  readonly settings: Pick<View['settings'], 'network'>
  readonly swarm: Pick<SwarmView, 'ice'> | null
}

export interface Swarm {
  handleView(view: SwarmState): void
  handleSignal(from: UserId, data: unknown): void
  /** Ends every transfer and connection. */
  close(): void
}

/** Time between looks at deadlines and rates. (milliseconds) */
const TICK = 1_000
/** Time until WebTorrent is loaded again after that failed. (milliseconds) */
const RELOAD = 10_000
/** Nothing moves. */
const IDLE: TransferRates = { peers: 0, down: 0, up: 0 }
/** Signals waiting to be sent; beyond this the core is not answering and more would not help. */
const MAX_OUTBOX = 256
/** Signals that arrive while WebTorrent is still being loaded; the oldest are dropped. */
const MAX_INBOX = 256

export function openSwarm(host: Host): Swarm {
  let running: Running | null = null
  let loading = false
  let closed = false
  let latest: SwarmState | null = null
  let inbox: { readonly from: UserId; readonly data: unknown; readonly at: number }[] = []

  async function load(state: SwarmState): Promise<void> {
    const engine = await loadEngine(iceServers(state))
    if (closed) {
      engine.client.destroy()
      return
    }
    running = run(host, engine, state.me.userId)
    running.handleView(latest ?? state)
    const oldest = performance.now() - EARLY_CALL_KEPT
    for (const { from, data, at } of inbox.splice(0)) if (at >= oldest) running.handleSignal(from, data)
  }

  function loadOnce(state: SwarmState): void {
    if (loading || running || closed || state.transfers.length === 0) return
    loading = true
    load(state).catch((cause: unknown) => {
      inbox = []
      reportFault(host, `transfers cannot start: ${asError(cause).message}`)
      setTimeout(() => {
        loading = false
        if (latest) loadOnce(latest)
      }, RELOAD)
    })
  }

  return {
    handleView(view) {
      latest = view
      if (running) running.handleView(view)
      else loadOnce(view)
    },
    handleSignal(from, data) {
      if (running) running.handleSignal(from, data)
      else {
        inbox.push({ from, data, at: performance.now() })
        if (inbox.length > MAX_INBOX) inbox.shift()
      }
    },
    close() {
      closed = true
      running?.close()
    },
  }
}

type Running = Swarm

function run(host: Host, engine: Engine, me: UserId): Running {
  const links: Links = createLinks({ me, nameConnection, chance: Math.random })
  const roster = createRoster(Math.random)
  const cache = createPieceCache()
  const torrents = new Map<InfoHash, CarriedTorrent>()
  const peers = new Map<string, { readonly peer: Peer; readonly infoHash: InfoHash }>()
  const reported = new Map<InfoHash, TransferRates>()
  /** Torrents whose failure is in the log already; said again only after some progress. */
  const faulty = new Set<InfoHash>()
  const outbox = createOutbox(host)
  let ice: RTCIceServer[] = []

  const now = (): number => performance.now()

  function settle(): void {
    for (const command of roster.drain()) obeyRoster(command)
    for (const command of links.drain()) obeyLinks(command)
  }

  function obeyRoster(command: RosterCommand): void {
    switch (command.do) {
      case 'add': {
        const { infoHash } = command.task
        const carried = carryTorrent(
          command.task,
          { client: engine.client, host, cache },
          {
            progressed: () => {
              faulty.delete(infoHash)
              roster.handleProgress(infoHash)
            },
            failed: (error) => {
              torrents.delete(infoHash)
              closePeers(infoHash)
              if (!faulty.has(infoHash)) reportFault(host, `torrent ${infoHash}: ${error.message}`)
              faulty.add(infoHash)
              roster.handleFailed(infoHash, now())
              settle()
            },
          },
        )
        torrents.set(infoHash, carried)
        return
      }
      case 'remove':
        torrents.get(command.infoHash)?.close()
        torrents.delete(command.infoHash)
        closePeers(command.infoHash)
        return
      case 'update':
        torrents.get(command.task.infoHash)?.update(command.task)
        return
      default:
        command satisfies never
    }
  }

  function obeyLinks(command: LinkCommand): void {
    switch (command.do) {
      case 'open':
        openPeer(command.connection, command.infoHash, command.role === 'caller')
        return
      case 'feed':
        feed(command.connection, command.signal)
        return
      case 'close': {
        const found = peers.get(command.connection)
        peers.delete(command.connection)
        found?.peer.destroy()
        return
      }
      case 'send':
        outbox({ type: 'sendSignal', to: command.to, data: command.data })
        return
      default:
        command satisfies never
    }
  }

  function openPeer(connection: string, infoHash: InfoHash, initiator: boolean): void {
    // Without servers to ask, all candidates are known at once and fit in one message.
    const peer = engine.openPeer({ initiator, trickle: ice.length > 0, config: { iceServers: ice } })
    peer.id = OURS + connection
    peers.set(connection, { peer, infoHash })
    peer.on('signal', (signal) => {
      links.handleLocal(connection, signal)
      settle()
    })
    peer.on('connect', () => {
      links.handleConnected(connection, now())
      const torrent = torrents.get(infoHash)
      if (torrent) torrent.attach(peer)
      else peer.destroy()
    })
    // An error always ends in `close`, which is all that matters here.
    peer.on('error', () => {})
    peer.on('close', () => {
      peers.delete(connection)
      links.handleClosed(connection, now())
      settle()
    })
  }

  function feed(connection: string, signal: Parameters<Peer['signal']>[0]): void {
    const found = peers.get(connection)
    if (!found || found.peer.destroyed) return
    try {
      found.peer.signal(signal)
    } catch {
      found.peer.destroy()
    }
  }

  function closePeers(infoHash: InfoHash): void {
    for (const { peer, infoHash: of } of peers.values()) if (of === infoHash) peer.destroy()
  }

  function report(): void {
    for (const infoHash of new Set([...reported.keys(), ...torrents.keys()])) {
      const rates = torrents.get(infoHash)?.rates() ?? IDLE
      const last = reported.get(infoHash) ?? IDLE
      if (torrents.has(infoHash)) reported.set(infoHash, rates)
      else reported.delete(infoHash)
      if (last.peers === rates.peers && last.down === rates.down && last.up === rates.up) continue
      void host.sendIntent({ type: 'reportTransfer', infoHash, rates }).catch(() => {})
    }
  }

  const isBusy = (connection: string): boolean => {
    const found = peers.get(connection)
    return !!found && (torrents.get(found.infoHash)?.isBusy(OURS + connection) ?? false)
  }
  const timer = setInterval(() => {
    roster.handleTimeout(now(), (infoHash) => torrents.get(infoHash)?.isWhole() ?? false)
    links.handleTimeout(now(), isBusy)
    settle()
    report()
  }, TICK)
  engine.client.on('error', (error) => reportFault(host, `transfers: ${error.message}`))

  return {
    handleView(view) {
      ice = iceServers(view)
      engine.client.tracker = { rtcConfig: { iceServers: ice } }
      roster.handleTasks(view.transfers, now())
      links.handleWanted(view.transfers, now())
      settle()
    },
    handleSignal(from, data) {
      const signal = decodeLinkSignal(data)
      if (!signal) return
      links.handleRemote(from, signal, now())
      settle()
    },
    close() {
      clearInterval(timer)
      for (const torrent of torrents.values()) torrent.close()
      for (const { peer } of peers.values()) peer.destroy()
      engine.client.destroy()
    },
  }
}

/** Sends signals one after the other: the other side must see an offer before its candidates. */
function createOutbox(host: Host): (intent: Intent) => void {
  let queued = 0
  let last: Promise<void> = Promise.resolve()
  return (intent) => {
    if (queued >= MAX_OUTBOX) return
    queued += 1
    last = last
      .then(() => host.sendIntent(intent))
      .catch(() => {})
      .finally(() => {
        queued -= 1
      })
  }
}

function iceServers(view: SwarmState): RTCIceServer[] {
  return iceServersOf(view.settings.network.iceServers, view.swarm?.ice ?? [])
}

function reportFault(host: Host, text: string): void {
  void host.sendIntent({ type: 'reportFault', text }).catch(() => {})
}

function nameConnection(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
