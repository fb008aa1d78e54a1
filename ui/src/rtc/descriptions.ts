/** `RTCSessionDescription` and `RTCIceCandidate`: the values that members exchange. */
import type { Candidate, Description } from './host'

export class SessionDescription implements Description {
  readonly type: Description['type']
  readonly sdp: string

  constructor(init: RTCSessionDescriptionInit) {
    this.type = init.type
    this.sdp = init.sdp ?? ''
  }

  toJSON(): { type: Description['type']; sdp: string } {
    return { type: this.type, sdp: this.sdp }
  }
}

export class IceCandidate implements Candidate {
  readonly candidate: string
  readonly sdpMid: string | null
  readonly sdpMLineIndex: number | null
  readonly usernameFragment: string | null

  constructor(init: RTCIceCandidateInit = {}) {
    this.candidate = init.candidate ?? ''
    this.sdpMid = init.sdpMid ?? null
    this.sdpMLineIndex = init.sdpMLineIndex ?? null
    this.usernameFragment = init.usernameFragment ?? null
  }

  /** The fifth word of the attribute, as RFC 8839 orders them. */
  get address(): string | null {
    return this.candidate.split(' ')[4] ?? null
  }

  toJSON(): RTCIceCandidateInit {
    return {
      candidate: this.candidate,
      sdpMid: this.sdpMid,
      sdpMLineIndex: this.sdpMLineIndex,
      usernameFragment: this.usernameFragment,
    }
  }
}
