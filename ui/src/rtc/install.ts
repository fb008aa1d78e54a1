/** Gives the page WebRTC where its webview has none. */
import { PeerConnection } from './connection'
import { IceCandidate, SessionDescription } from './descriptions'
import type { RtcHost } from './host'

/**
 * Defines `RTCPeerConnection`, `RTCSessionDescription` and `RTCIceCandidate`, and answers whether
 * it did. Where the webview has its own, those stay.
 *
 * Must be called before WebTorrent is imported, since that looks for them once, while it is
 * evaluated: import it with `await import(…)` afterwards.
 */
export async function installRtc(host: RtcHost): Promise<boolean> {
  if (typeof RTCPeerConnection !== 'undefined') return false
  await host.reset()
  Object.assign(globalThis, {
    RTCPeerConnection: class RTCPeerConnection extends PeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(host, configuration)
      }
    },
    RTCSessionDescription: SessionDescription,
    RTCIceCandidate: IceCandidate,
  })
  return true
}
