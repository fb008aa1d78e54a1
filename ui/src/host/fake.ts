/**
 * A party in memory: made-up devices, songs that arrive, a clock that settles. It drives the
 * whole window without the app, in tests and while working on the screens.
 *
 * It knows only as much of the rules as the screens show. Nothing here makes a sound or opens a
 * connection; pieces are not carried.
 */
import type { LanguageChoice } from '../i18n/languages'
import type { FileView } from '../protocol/generated/FileView'
import type { HostEvent } from '../protocol/generated/HostEvent'
import type { Intent } from '../protocol/generated/Intent'
import type { MeetingPoint } from '../protocol/generated/MeetingPoint'
import type { LogLevel } from '../protocol/generated/LogLevel'
import type { NoticeCode } from '../protocol/generated/NoticeCode'
import type { View } from '../protocol/generated/View'
import { atTheDoor, invitationOf, keyOf, linkTo, withThisParty } from './fake-joining'
import { missingOf, song, unsetClock } from './fake-parts'
import { sceneView } from './fake-scenes'
import { directed, playedOn } from './fake-transport'
import type { Transport } from './fake-transport'
import { checked } from './fake-system'
import type { Host, TrayItem } from './host'
import type { Scene } from './scene'

export interface FakeHost extends Host {
  /** What was told outside of the window, oldest first. */
  readonly notifications: readonly string[]
  /** The menu of the icon beside the clock. */
  readonly tray: readonly TrayItem[]
  /** Everything the window asked for, oldest first. */
  readonly intents: readonly Intent[]
  /** The state shown. */
  readonly view: View
  /** Lets time pass in the party. (milliseconds) */
  advance(ms: number): void
  /** Replaces parts of the state. */
  change(parts: Partial<View>): void
  /** Delivers an event as the core would. */
  emit(event: HostEvent): void
}

/** How fast made-up songs arrive. (bytes per second) */
const ARRIVAL = 900_000
/** How long a made-up file takes to be read. (milliseconds) */
const READING = 1_500
/** Where a made-up trace is said to be. */
const TRACE = '/home/otter/.local/share/synced-swarm-audio/traces/2026-11-24-20-15-03.jsonl'

export function createFakeHost(scene: Scene = 'lobby'): FakeHost {
  const listeners = new Set<(event: HostEvent) => void>()
  const intents: Intent[] = []
  const notifications: string[] = []
  let tray: readonly TrayItem[] = []
  let view = sceneView(scene)
  let added = 4
  let sinceJoin = 0
  let language: LanguageChoice = 'system'

  function emit(event: HostEvent): void {
    for (const listener of listeners) listener(event)
  }

  function change(parts: Partial<View>): void {
    view = { ...view, ...parts }
    emit({ type: 'view', view: structuredClone(view) })
  }

  function log(level: LogLevel, code: NoticeCode, detail = ''): void {
    const number = (view.log.at(-1)?.number ?? 0) + 1
    change({ log: [...view.log, { number, level, notice: { code, detail } }].slice(-100) })
  }

  function join(key: string, at: MeetingPoint): void {
    const nearby = at.kind === 'nearby' ? view.nearby.find((party) => party.id === at.id) : undefined
    if (key.startsWith('swarm:')) invite(key)
    else if (key.trim() === '') log('error', 'bad-key')
    else enter(key, nearby?.name ?? view.me.alias, nearby?.url ?? null)
  }

  function invite(link: string): void {
    const invitation = invitationOf(link)
    if (invitation) change({ lobby: { ...view.lobby, invitation } })
    else log('error', 'bad-invite', 'the link says nothing of the party key: copy it whole')
  }

  function rejoin(party: { swarm: string; name: string } | null | undefined, relay: string | null): void {
    if (party) enter(keyOf(party.swarm), party.name, relay)
  }

  /** A party without an address is carried here. */
  function enter(key: string, name: string, relay: string | null): void {
    const room = sceneView('empty')
    sinceJoin = 0
    change({
      swarm: room.swarm && {
        ...room.swarm,
        name,
        key,
        invite: linkTo(key, name, relay ?? room.swarm.relay),
        relay: relay ?? room.swarm.relay,
        hosting: relay === null,
        carrier: relay === null ? room.swarm.carrier : null,
        inviteUrls: relay === null ? room.swarm.inviteUrls : [],
        link: 'connecting',
        members: room.swarm.members.slice(0, 1),
      },
      lobby: { ...view.lobby, invitation: null },
      files: [],
      selection: null,
      nearby: [],
      clock: unsetClock(),
    })
  }

  function settle(): void {
    const room = sceneView('empty')
    const everyone = room.swarm?.members ?? []
    if (!view.swarm || view.swarm.members.length >= everyone.length) return
    const due = Math.min(everyone.length, Math.floor(sinceJoin / 800) + 1)
    if (view.swarm.link === 'connecting' && sinceJoin >= 300) {
      change({ swarm: { ...view.swarm, link: 'online' }, lobby: withThisParty(view) })
      log('info', 'connected')
    }
    if (due > view.swarm.members.length) {
      change({ swarm: { ...view.swarm, members: everyone.slice(0, due) } })
      log('info', 'member-joined', everyone[due - 1]?.alias ?? '')
    }
    if (!view.clock.synced && sinceJoin >= 1_200) {
      change({ clock: { ...room.clock, uncertaintyUs: 110, roundTripUs: 2_100, skewPpm: 4.2 } })
    }
  }

  function lead(director: string | null): void {
    if (!view.swarm) return
    const isDirector = director === view.me.userId
    change({ swarm: { ...view.swarm, director, isDirector } })
    log('info', isDirector ? 'you-direct' : 'director-changed')
  }

  function direct(intent: Transport): void {
    if (view.swarm?.isDirector) change(directed(view, intent))
    else log('warning', 'not-director')
  }

  function obey(intent: Intent): void {
    switch (intent.type) {
      case 'joinSwarm':
        join(intent.key, intent.at)
        return
      case 'openInvite':
        invite(intent.link)
        return
      case 'acceptInvite':
        rejoin(view.lobby.invitation, view.lobby.invitation?.relays[0] ?? null)
        return
      case 'rejoin': {
        const party = view.lobby.recent.find(({ swarm }) => swarm === intent.swarm)
        rejoin(party, party?.relay ?? null)
        return
      }
      case 'drawKey':
      case 'dismissInvite':
      case 'forgetParty':
      case 'revealKey':
        change({ lobby: atTheDoor(view.lobby, intent) })
        return
      case 'leaveSwarm':
        change({ ...sceneView('lobby'), me: view.me, lobby: view.lobby, settings: view.settings, log: view.log })
        return
      case 'takeDirector':
        lead(view.me.userId)
        return
      case 'resignDirector':
        lead(view.swarm?.members.find((member) => member.userId !== view.me.userId)?.userId ?? null)
        return
      case 'selectFile':
      case 'play':
      case 'stop':
      case 'pause':
      case 'resume':
      case 'seek':
      case 'setRepeat':
      case 'playNext':
      case 'moveFile':
      case 'skipForward':
      case 'skipBack':
      case 'setRepeatMode':
      case 'setShuffle':
        direct(intent)
        return
      case 'saveTrace':
        log('info', 'trace-saved', TRACE)
        return
      case 'removeFile':
        change({
          files: view.files.filter((file) => file.fileId !== intent.fileId),
          selection: view.selection === intent.fileId ? null : view.selection,
        })
        return
      case 'setAlias':
        change({
          me: { ...view.me, alias: intent.alias },
          swarm: view.swarm && {
            ...view.swarm,
            members: view.swarm.members.map((member) =>
              member.userId === view.me.userId ? { ...member, alias: intent.alias } : member,
            ),
          },
        })
        return
      case 'setSpeakerDelay':
        change({ settings: { ...view.settings, speakerDelayMs: intent.ms } })
        return
      case 'setOutput': {
        const chosen = view.outputs.find((output) => (intent.id === null ? output.isDefault : output.id === intent.id))
        change({
          settings: { ...view.settings, output: intent.id },
          output: { ...view.output, id: chosen?.id ?? null, name: chosen?.name ?? null, fault: null },
        })
        return
      }
      case 'setFilesPerMember':
        change({ settings: { ...view.settings, filesPerMember: intent.count } })
        return
      case 'setNetwork':
        change({ settings: { ...view.settings, network: intent.network } })
        return
      case 'reportFault':
        log('warning', 'window-fault', intent.text)
        return
      case 'setMuted':
        change({ output: { ...view.output, muted: intent.muted ? 'byPerson' : null } })
        return
      case 'checkConnection':
        change({ checks: checked(view) })
        return
      // Only pressed outside of the window.
      case 'pressButton':
      case 'addFiles':
      case 'sendSignal':
      case 'reportTransfer':
        return
      default:
        intent satisfies never
    }
  }

  function read(names: readonly string[]): void {
    const room = view.settings.filesPerMember - view.files.filter((file) => file.mine).length - view.adding.length
    if (names.length > room) log('warning', 'too-many-files', names.slice(Math.max(0, room)).join(', '))
    const fresh = names.slice(0, Math.max(0, room)).map((name) => ({ name, doneBytes: 0, size: 9_200_000 }))
    change({ adding: [...view.adding, ...fresh] })
  }

  function goOnReading(ms: number): void {
    if (view.adding.length === 0) return
    const adding = view.adding.map((file) => ({
      ...file,
      doneBytes: Math.min(file.size, file.doneBytes + (file.size * ms) / READING),
    }))
    const done = adding.filter((file) => file.doneBytes >= file.size)
    const files = done.map(({ name, size }): FileView => {
      added += 1
      const [title = name, format = 'mp3'] = name.split(/\.(?=[^.]+$)/)
      return song(added.toString(16), title, null, format, size, 205_000, [view.me.userId], [1, 0, 0])
    })
    change({ adding: adding.filter((file) => file.doneBytes < file.size), files: [...view.files, ...files] })
    for (const file of files) log('info', 'file-added', file.name)
  }

  function arrive(ms: number): void {
    const step = (ARRIVAL * ms) / 1000
    const files = view.files.map((file) => {
      if (file.fault || file.readiness.every((entry) => entry.heldBytes >= file.size)) {
        return file.rates.peers === 0 ? file : { ...file, rates: { peers: 0, down: 0, up: 0 } }
      }
      const readiness = file.readiness.map((entry) => {
        const heldBytes = Math.min(file.size, entry.heldBytes + step)
        return { ...entry, heldBytes, playable: heldBytes > file.size / 5 }
      })
      const here = readiness.find((entry) => entry.userId === view.me.userId)
      const fetching = (here?.heldBytes ?? 0) < file.size
      const missing = missingOf((here?.heldBytes ?? 0) / file.size)
      return {
        ...file,
        readiness,
        missing,
        rates: { peers: 2, down: fetching ? ARRIVAL : 0, up: fetching ? 0 : ARRIVAL * 2 },
      }
    })
    if (files.some((file, index) => file !== view.files[index])) change({ files })
  }

  function goOnPlaying(ms: number): void {
    const parts = playedOn(view, ms)
    if (parts.playback) change(parts)
  }

  return {
    capabilities: { addsFiles: true },
    language: { chosen: () => language, keep: (choice) => (language = choice) },
    intents,
    notifications,
    get tray() {
      return tray
    },
    get view() {
      return view
    },
    advance(ms) {
      sinceJoin += ms
      settle()
      goOnReading(ms)
      arrive(ms)
      goOnPlaying(ms)
    },
    change,
    emit,
    sendIntent(intent) {
      intents.push(intent)
      obey(intent)
      return Promise.resolve()
    },
    subscribe(listener) {
      listeners.add(listener)
      listener({ type: 'view', view: structuredClone(view) })
      return () => listeners.delete(listener)
    },
    pickFiles() {
      read([`Track ${added - 3}.mp3`])
      return Promise.resolve()
    },
    dropFiles(files) {
      read(files.map((file) => file.name))
    },
    saveReport: () => Promise.resolve(true),
    notify(title, body) {
      notifications.push(`${title}: ${body}`)
      return Promise.resolve()
    },
    setTray(items) {
      tray = items
      return Promise.resolve()
    },
    artwork: () => Promise.resolve(new Blob([COVER], { type: 'image/svg+xml' })),
    readPiece: () => Promise.reject(new Error('the fake party carries no pieces')),
    writePiece: () => Promise.reject(new Error('the fake party carries no pieces')),
    metainfo: () => Promise.reject(new Error('the fake party carries no pieces')),
    putMetainfo: () => Promise.reject(new Error('the fake party carries no pieces')),
    heldPieces: () => Promise.reject(new Error('the fake party carries no pieces')),
  }
}

const COVER = `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 96 96"><rect width="96" height="96" fill="#123c3a"/><circle cx="66" cy="30" r="15" fill="#f2c14e"/><path d="M0 62q24-16 48 0t48 0v34H0z" fill="#2f7f79"/><path d="M0 76q24-14 48 0t48 0v20H0z" fill="#0b2a29"/></svg>`
