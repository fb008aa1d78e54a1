/**
 * Brings WebTorrent into the page, on first need: its code is larger than the rest of the window.
 *
 * Both libraries read `RTCPeerConnection` once, while they are evaluated. So a stand-in must be
 * installed before this is called, and nothing may import them statically.
 */
import type WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import type Peer from '@thaunknown/simple-peer/lite.js'

export interface Engine {
  readonly client: WebTorrent
  readonly openPeer: (options: ConstructorParameters<typeof Peer>[0]) => Peer
}

export async function loadEngine(iceServers: RTCIceServer[]): Promise<Engine> {
  if (typeof RTCPeerConnection === 'undefined') throw new Error('this web view has no WebRTC')
  forgoIdleCallbacks()
  const [webtorrent, simplePeer] = await Promise.all([
    import('webtorrent/dist/webtorrent.min.js'),
    import('@thaunknown/simple-peer/lite.js'),
  ])
  const client = new webtorrent.default({
    // Members are found by presence and by the trackers each task names; nothing else is asked.
    dht: false,
    lsd: false,
    utPex: false,
    natUpnp: false,
    natPmp: false,
    webSeeds: false,
    tracker: { rtcConfig: { iceServers } },
  })
  return { client, openPeer: (options) => new simplePeer.default(options) }
}

/**
 * WebTorrent looks for its next requests in an idle callback where there is one, at the latest after
 * 250 ms. A page in the background gets neither idle time nor timers when they are due, so there it
 * would fetch in fits. Without idle callbacks it looks at once, which costs nothing measurable.
 */
function forgoIdleCallbacks(): void {
  if ('requestIdleCallback' in window) Reflect.deleteProperty(window, 'requestIdleCallback')
}
