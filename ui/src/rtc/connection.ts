/** `RTCPeerConnection` over the app's core: data channels only. */
import { DataChannel, toError } from './channel'
import { IceCandidate, SessionDescription } from './descriptions'
import { fire, type Handler } from './handlers'
import type { ChannelConfig, ChannelId, ConnectionEvent, ConnectionId, RtcHost } from './host'
import { report, type StatsReport } from './stats'

/** As `RTCPeerConnectionIceEvent`; null says that no more candidates will come. */
export class IceCandidateEvent extends Event {
  readonly candidate: IceCandidate | null

  constructor(candidate: IceCandidate | null) {
    super('icecandidate')
    this.candidate = candidate
  }
}

/** As `RTCDataChannelEvent`. */
export class DataChannelEvent extends Event {
  readonly channel: DataChannel

  constructor(channel: DataChannel) {
    super('datachannel')
    this.channel = channel
  }
}

export class PeerConnection extends EventTarget {
  onsignalingstatechange: Handler<Event> = null
  onicegatheringstatechange: Handler<Event> = null
  oniceconnectionstatechange: Handler<Event> = null
  onconnectionstatechange: Handler<Event> = null
  onicecandidate: Handler<IceCandidateEvent> = null
  ondatachannel: Handler<DataChannelEvent> = null

  readonly #host: RtcHost
  readonly #opened: Promise<ConnectionId>
  /** Calls and events take effect one after the other; this settles after the last of them. */
  #tail: Promise<unknown>
  readonly #channels = new Set<DataChannel>()

  #signalingState: RTCSignalingState = 'stable'
  #iceGatheringState: RTCIceGatheringState = 'new'
  #iceConnectionState: RTCIceConnectionState = 'new'
  #connectionState: RTCPeerConnectionState = 'new'
  #localDescription: SessionDescription | null = null
  #remoteDescription: SessionDescription | null = null

  constructor(host: RtcHost, configuration: RTCConfiguration = {}) {
    super()
    this.#host = host
    const iceServers = (configuration.iceServers ?? []).map((server) => ({
      urls: server.urls,
      username: server.username ?? null,
      credential: server.credential ?? null,
    }))
    this.#opened = host.open({ iceServers }, (event) => {
      this.#tail = this.#tail.then(() => this.#take(event))
    })
    // Whoever calls a method hears of a failure there.
    this.#tail = this.#opened.catch(() => undefined)
  }

  get signalingState(): RTCSignalingState {
    return this.#signalingState
  }
  get iceGatheringState(): RTCIceGatheringState {
    return this.#iceGatheringState
  }
  get iceConnectionState(): RTCIceConnectionState {
    return this.#iceConnectionState
  }
  get connectionState(): RTCPeerConnectionState {
    return this.#connectionState
  }
  get localDescription(): SessionDescription | null {
    return this.#localDescription
  }
  get remoteDescription(): SessionDescription | null {
    return this.#remoteDescription
  }

  createDataChannel(label: string, init: RTCDataChannelInit = {}): DataChannel {
    this.#refuseIfClosed()
    const config: ChannelConfig = {
      label,
      ordered: init.ordered ?? true,
      maxPacketLifeTime: init.maxPacketLifeTime ?? null,
      maxRetransmits: init.maxRetransmits ?? null,
      protocol: init.protocol ?? '',
      negotiatedId: init.negotiated === true ? (init.id ?? null) : null,
    }
    const channel = new DataChannel(config)
    this.#channels.add(channel)
    this.#run(async (connection) => {
      this.#attach(channel, connection, await this.#host.createChannel(connection, config))
    }).catch((reason: unknown) => channel.end(toError(reason)))
    return channel
  }

  /** The answer is the caller's own to change, as WebTorrent does. */
  createOffer(): Promise<{ type: 'offer'; sdp: string }> {
    return this.#run(async (connection) => {
      const { sdp } = await this.#host.createOffer(connection)
      return { type: 'offer', sdp }
    })
  }

  /** The answer is the caller's own to change, as WebTorrent does. */
  createAnswer(): Promise<{ type: 'answer'; sdp: string }> {
    return this.#run(async (connection) => {
      const { sdp } = await this.#host.createAnswer(connection)
      return { type: 'answer', sdp }
    })
  }

  setLocalDescription(init?: RTCLocalSessionDescriptionInit): Promise<void> {
    return this.#run(async (connection) => {
      const proposed = await this.#propose(connection, init)
      const known = await this.#host.setLocal(connection, proposed)
      this.#localDescription = new SessionDescription(known ?? proposed)
      this.#signal(proposed.type === 'offer' ? 'have-local-offer' : 'stable')
    })
  }

  setRemoteDescription(init: RTCSessionDescriptionInit): Promise<void> {
    return this.#run(async (connection) => {
      const description = new SessionDescription(init)
      await this.#host.setRemote(connection, description.toJSON())
      this.#remoteDescription = description
      this.#signal(description.type === 'offer' ? 'have-remote-offer' : 'stable')
    })
  }

  addIceCandidate(init?: RTCIceCandidateInit | null): Promise<void> {
    const candidate = new IceCandidate(init ?? {})
    return this.#run(async (connection) => {
      // That no more will come is nothing the core waits for.
      if (candidate.candidate === '') return
      await this.#host.addCandidate(connection, {
        candidate: candidate.candidate,
        sdpMid: candidate.sdpMid,
        sdpMLineIndex: candidate.sdpMLineIndex,
        usernameFragment: candidate.usernameFragment,
      })
    })
  }

  getStats(): Promise<StatsReport> {
    return this.#run(async (connection) =>
      report(await this.#host.selectedPath(connection), performance.now()),
    )
  }

  /** Ends everything at once; no event tells of it. */
  close(): void {
    if (this.#signalingState === 'closed') return
    this.#signalingState = 'closed'
    this.#iceConnectionState = 'closed'
    this.#connectionState = 'closed'
    for (const channel of this.#channels) channel.abandon()
    this.#channels.clear()
    // It may never have opened, and the core may have closed it already: both are well.
    this.#opened.then((connection) => this.#host.close(connection)).catch(() => undefined)
  }

  #run<T>(operation: (connection: ConnectionId) => Promise<T>): Promise<T> {
    const result = this.#tail
      .then(() => this.#opened)
      .then((connection) => {
        this.#refuseIfClosed()
        return operation(connection)
      })
    this.#tail = result.catch(() => undefined)
    return result
  }

  #refuseIfClosed(): void {
    if (this.#signalingState === 'closed') {
      throw new DOMException('the connection is closed', 'InvalidStateError')
    }
  }

  async #propose(connection: ConnectionId, init?: RTCLocalSessionDescriptionInit) {
    if (init?.type !== undefined) {
      return new SessionDescription({ type: init.type, sdp: init.sdp ?? '' }).toJSON()
    }
    return this.#signalingState === 'have-remote-offer'
      ? await this.#host.createAnswer(connection)
      : await this.#host.createOffer(connection)
  }

  #signal(state: RTCSignalingState): void {
    // Closing may have come in between; it is final.
    if (this.#signalingState === state || this.#signalingState === 'closed') return
    this.#signalingState = state
    fire(this, new Event('signalingstatechange'), this.onsignalingstatechange)
  }

  #attach(channel: DataChannel, connection: ConnectionId, id: ChannelId): void {
    channel.attach({
      send: (batch) => this.#host.send(connection, id, batch),
      receive: () => this.#host.receive(connection, id),
      close: () => this.#host.closeChannel(connection, id),
    })
    channel.addEventListener('close', () => this.#channels.delete(channel))
  }

  async #take(event: ConnectionEvent): Promise<void> {
    if (this.#signalingState === 'closed') return
    switch (event.type) {
      case 'candidate':
        this.#found(new IceCandidate(event.candidate))
        return
      case 'gathering':
        this.#iceGatheringState = event.state
        if (event.description !== null) {
          this.#localDescription = new SessionDescription(event.description)
        }
        fire(this, new Event('icegatheringstatechange'), this.onicegatheringstatechange)
        if (event.state === 'complete') this.#found(null)
        return
      case 'iceConnection':
        this.#iceConnectionState = event.state
        fire(this, new Event('iceconnectionstatechange'), this.oniceconnectionstatechange)
        return
      case 'connection':
        this.#connectionState = event.state
        fire(this, new Event('connectionstatechange'), this.onconnectionstatechange)
        return
      case 'channel': {
        const channel = new DataChannel({ ...event, negotiatedId: null })
        this.#channels.add(channel)
        // The listener is there before the first frame can be.
        fire(this, new DataChannelEvent(channel), this.ondatachannel)
        this.#attach(channel, await this.#opened, event.channel)
        return
      }
    }
  }

  #found(candidate: IceCandidate | null): void {
    fire(this, new IceCandidateEvent(candidate), this.onicecandidate)
  }
}
