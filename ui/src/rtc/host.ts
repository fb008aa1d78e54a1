/**
 * What the stand-in for WebRTC asks of the app's core.
 *
 * Every method is one call on `Bridge` of the crate `webrtc-bridge`, and every type here is one
 * of its types as JSON. Bytes cross raw, as batches of frames (see `frames.ts`).
 *
 * | method | command | arguments | answer |
 * |---|---|---|---|
 * | reset | rtc_reset | | |
 * | open | rtc_open | config, events (a Tauri channel) | connection |
 * | close | rtc_close | connection | |
 * | createChannel | rtc_create_channel | connection, config | channel |
 * | createOffer, createAnswer | rtc_create_offer, rtc_create_answer | connection | description |
 * | setLocal | rtc_set_local | connection, description | description |
 * | setRemote | rtc_set_remote | connection, description | |
 * | addCandidate | rtc_add_candidate | connection, candidate | |
 * | selectedPath | rtc_selected_path | connection | path or null |
 * | send | rtc_send | raw body; headers `rtc-connection`, `rtc-channel` | |
 * | receive | rtc_receive | connection, channel | raw |
 * | closeChannel | rtc_close_channel | connection, channel | |
 */

/** Names a connection; given by the core, never used twice. */
export type ConnectionId = number

/** Names a channel of any connection; given by the core, never used twice. */
export type ChannelId = number

export interface RtcHost {
  /** Closes whatever an earlier page left open. Called once, before anything else. */
  reset(): Promise<void>

  /** Opens a connection. Its events must be delivered in order, each exactly once. */
  open(config: ConnectionConfig, onEvent: (event: ConnectionEvent) => void): Promise<ConnectionId>

  /** Closes a connection and every channel it has; waiting calls return. */
  close(connection: ConnectionId): Promise<void>

  createChannel(connection: ConnectionId, config: ChannelConfig): Promise<ChannelId>
  createOffer(connection: ConnectionId): Promise<Description>
  createAnswer(connection: ConnectionId): Promise<Description>

  /** Answers the description with those candidates that are known already. */
  setLocal(connection: ConnectionId, description: Description): Promise<Description | null>
  setRemote(connection: ConnectionId, description: Description): Promise<void>
  addCandidate(connection: ConnectionId, candidate: Candidate): Promise<void>

  /** The pair of addresses in use, or null until there is one. */
  selectedPath(connection: ConnectionId): Promise<SelectedPath | null>

  /** Hands over a batch of message frames. Resolves when there is room for the next. */
  send(connection: ConnectionId, channel: ChannelId, batch: Uint8Array): Promise<void>

  /** Waits for frames and answers all there are, at least one. One call at a time per channel. */
  receive(connection: ConnectionId, channel: ChannelId): Promise<ArrayBuffer>

  /** Starts closing a channel. Its frames end with a closed one. */
  closeChannel(connection: ConnectionId, channel: ChannelId): Promise<void>
}

export interface ConnectionConfig {
  /** Servers that help to find a path. None are asked when empty. */
  readonly iceServers: readonly IceServer[]
}

export interface IceServer {
  readonly urls: string | string[]
  readonly username: string | null
  readonly credential: string | null
}

export interface ChannelConfig {
  readonly label: string
  readonly ordered: boolean
  /** Milliseconds. */
  readonly maxPacketLifeTime: number | null
  readonly maxRetransmits: number | null
  readonly protocol: string
  /** Stream number when both sides agreed on the channel beforehand. */
  readonly negotiatedId: number | null
}

export interface Description {
  readonly type: 'offer' | 'pranswer' | 'answer' | 'rollback'
  readonly sdp: string
}

export interface Candidate {
  readonly candidate: string
  readonly sdpMid: string | null
  readonly sdpMLineIndex: number | null
  readonly usernameFragment: string | null
}

export interface SelectedPath {
  readonly local: PathEnd
  readonly remote: PathEnd
}

export interface PathEnd {
  readonly address: string
  readonly port: number
  readonly protocol: string
  /** How the address was found: host, srflx, prflx or relay. */
  readonly kind: string
}

/** Something that happened to a connection. What happens to a channel comes in its frames. */
export type ConnectionEvent =
  | { readonly type: 'candidate'; readonly candidate: Candidate }
  | {
      readonly type: 'gathering'
      readonly state: RTCIceGatheringState
      /** The whole local description, once complete. */
      readonly description: Description | null
    }
  | { readonly type: 'iceConnection'; readonly state: RTCIceConnectionState }
  | { readonly type: 'connection'; readonly state: RTCPeerConnectionState }
  | {
      readonly type: 'channel'
      readonly channel: ChannelId
      readonly label: string
      readonly protocol: string
      readonly ordered: boolean
      readonly maxPacketLifeTime: number | null
      readonly maxRetransmits: number | null
    }
