/**
 * Every word the window says, in English. The other languages have the same keys: a missing one,
 * or one too many, does not compile.
 *
 * A sentence about a fault says what happened, whether the music goes on, and what to do. No
 * codes, no blame. The core's detail (which file, which cause) is shown beside it. Figures arrive
 * with their unit; a count comes as a number and is written by the text, with its plural.
 */
import type { CheckState } from '../protocol/generated/CheckState'
import type { CheckSubject } from '../protocol/generated/CheckSubject'
import type { LinkState } from '../protocol/generated/LinkState'
import type { LogLevel } from '../protocol/generated/LogLevel'
import type { NoticeCode } from '../protocol/generated/NoticeCode'
import type { PlaybackState } from '../protocol/generated/PlaybackState'
import type { RepeatMode } from '../protocol/generated/RepeatMode'
import type { SyncPath } from '../protocol/generated/SyncPath'
import type { SyncState } from '../protocol/generated/SyncState'
import type { KeyStrength } from '../state/key-strength'
import { number } from './format'
import { pluralIn } from './plural'

const plural = pluralIn('en')

export const en = {
  appName: 'Synced Swarm Audio',
  starting: 'Starting…',
  /** One of several facts that stand in a line. */
  fact: (text: string) => text,

  join: {
    tagline: 'One song, every device, the same instant.',
    startTitle: 'Start a party',
    newKey: 'Key of your party',
    newKeyEmpty: 'Any words you like, or press “New words”.',
    otherWords: 'New words',
    start: 'Start a party here',
    startHint: 'This device hosts. Others on the network find it by themselves, and need the key or your invitation.',
    joinTitle: 'Join a party',
    key: 'Party key',
    keyHint: 'Type the words or paste an invitation link. Capitals, spaces and hyphens make no difference.',
    keyMissing: 'Type a party key first.',
    join: 'Join',
    nearby: 'Parties nearby',
    nearbyEmpty: 'No parties nearby yet. Start one here, or check that both devices are on the same Wi-Fi.',
    joinNearby: 'Join the party on',
    recent: 'Recent parties',
    joinAgain: 'Join again:',
    startAgain: 'Start again here:',
    startShort: 'Start',
    wasHere: 'on this device',
    forget: (name: string) => `Forget ${name} and its key`,
    more: 'Join by relay address',
    relay: 'Relay address',
    relayHint: 'For a relay somewhere else. Begins with ws:// or wss://',
    relayBad: 'Begin the address with ws:// or wss://',
    joinRelay: 'Join by address',
    you: 'You are',
    change: 'Change name',
  },

  keys: {
    show: 'Show key',
    hide: 'Hide key',
    of: (name: string) => `of ${name}`,
  },

  /** How hard a typed key is to guess, and for whom that matters. */
  keyStrengths: {
    weak: 'Easy to guess for whoever runs the relay. Fine among friends on your own network; else use more words.',
    fair: 'Hard to guess. One or two more words make it safe from everyone.',
    strong: 'Nobody can guess this key.',
  } satisfies Record<KeyStrength, string>,

  invite: {
    open: 'Invite',
    title: (name: string) => `Invite to ${name}`,
    close: 'Close the invitation',
    code: 'QR code of the invitation',
    scan: 'Scan this with a phone, and open or paste the link in the app.',
    tooLong: 'This key is too long for a code that phones can read. Send the link instead.',
    link: 'Invitation link',
    copyLink: 'Copy link',
    secret:
      'Whoever has the code, the link or the key can join. The link goes from device to device as you send it; opening it tells no server the key.',
  },

  invitation: {
    title: (name: string) => `Join ${name}?`,
    close: 'Close without joining',
    meetsAt: 'Meets at',
    nearby: 'This network',
    leaves: (name: string) => `You leave ${name} when you join.`,
    accept: 'Join this party',
    dismiss: 'Not now',
  },

  room: {
    party: 'Party',
    key: 'Party key',
    copyKey: 'Copy party key',
    copied: 'Copied',
    notCopied: 'Could not copy: select the text',
    leave: 'Leave',
    settings: 'Settings',
    devices: (count: number) => plural(count, { one: '# device', other: '# devices' }),
    devicesTitle: 'Devices',
    unnamed: (id: string) => `Device ${id}`,
    director: 'Director',
    you: 'This device',
    carries: 'Carries the party',
    directing: 'You control playback',
    directedBy: (name: string) => `${name} controls playback`,
    undirected: 'Nobody controls playback',
    take: 'Take control',
    resign: 'Hand over',
    invite: 'Others can also join at',
    alone: 'Only this device so far. Press “Invite”, or open the app on another device and type the same key.',
  },

  clock: {
    synced: (state: string, spread: string) => `${state} ${spread}`,
    settling: 'Setting the clock…',
    label: 'Clock',
  },

  sync: {
    title: 'Sync of this device',
    label: 'Sync',
    unknown: 'Not known yet',
    measured: 'measured',
    estimated: 'estimated',
    explain:
      'Measured: the sound card’s own report against the song’s place. Estimated: nothing plays there, only the clock is known. Behind ± stands one standard deviation.',
    leads: 'Room clock',
    rate: (ppm: string) => `sound card ${ppm}`,
    ppm: (figure: string) => `${figure} ppm`,
    jumps: (count: number) => plural(count, { one: '# jump', other: '# jumps' }),
    asymmetry: (size: string) =>
      `Two ways of learning the time disagree by ${size}. This device goes by the room’s own time, so it stays with the others.`,
    plot: 'Distance from its place, last minute',
    plotEmpty: 'The plot begins when music plays here.',
    late: (size: string) => `${size} late`,
    early: (size: string) => `${size} early`,
    onTime: 'on time',
    doubt: (size: string) => `give or take ${size}`,
    both: (place: string, doubt: string) => `${place}, ${doubt}`,
    ago: '1 min ago',
    now: 'now',
    last: 'Last',
    median: 'Half below',
    p95: '95% below',
    largest: 'Largest',
    trace: 'Save trace',
    traceHint:
      'A file to send along with a report of bad sync. It holds time stamps only: no names, no keys, no music.',
  },

  files: {
    title: 'Music',
    add: 'Add music',
    slots: (used: number, all: number) => `${number(used)} of ${number(all)} shared from here`,
    full: 'You share as many songs as your settings allow. Remove one, or ask another device to add it.',
    emptyDirector: 'What should we play?',
    emptyDirectorHint: 'Add a song or drop it here. It stays on your devices.',
    emptyGuest: 'Nothing here yet',
    emptyGuestHint: 'Add a song. Everyone will get a copy to play.',
    drop: 'Drop to share with everyone',
    reading: (name: string) => `Reading ${name}`,
    select: 'Choose',
    selected: 'Chosen',
    onAir: 'On air',
    next: 'Next',
    playNext: (title: string) => `Play ${title} next`,
    move: (title: string, place: number, all: number) => `Move ${title}, ${number(place)} of ${number(all)}`,
    moveHint: 'Drag, or press the up and down arrow keys',
    moveUp: (title: string) => `Move ${title} up`,
    moveDown: (title: string) => `Move ${title} down`,
    moved: (place: number, all: number) => `Moved to ${number(place)} of ${number(all)}`,
    remove: (title: string) => `Stop sharing ${title}`,
    forget: (title: string) => `Forget ${title}`,
    whoHas: (title: string) => `Who has ${title}`,
    by: (name: string) => `from ${name}`,
    fromYou: 'from you',
    down: (rate: string) => `${rate} in`,
    up: (rate: string) => `${rate} out`,
    peers: (count: number) => plural(count, { one: '# connection', other: '# connections' }),
    has: 'Has it',
    canPlay: (percent: string) => `${percent}, can play`,
    hasNot: 'Not yet',
    readyHere: 'Ready here',
    notHere: 'Not here yet',
    readyOnAll: (all: number) => (all === 2 ? 'Ready on both' : `Ready on all ${number(all)}`),
    readyOn: (ready: number, all: number) => `Ready on ${number(ready)} of ${number(all)}`,
  },

  player: {
    label: 'Player',
    skipTo: 'Skip to the player',
    news: (state: string, title: string) => `${state}: ${title}.`,
    nothing: 'No song chosen',
    nothingDirector: 'Choose a song above',
    nothingGuest: 'The director chooses the song',
    play: 'Play on every device',
    pause: 'Pause on every device',
    resume: 'Go on playing on every device',
    shuffle: 'Shuffle',
    back: 'Previous song',
    forward: 'Next song',
    repeats: {
      off: 'Repeat: off',
      all: 'Repeat: all songs',
      one: 'Repeat: this song',
    } satisfies Record<RepeatMode, string>,
    next: (title: string, more: number) => (more > 0 ? `Next: ${title}, then ${number(more)} more` : `Next: ${title}`),
    of: (shown: string, all: string) => `${shown} of ${all}`,
    stop: 'Stop on every device',
    position: 'Position',
    showLength: 'Show the length instead of what is left',
    showLeft: 'Show what is left instead of the length',
    hereOf: (place: string, percent: string) => `${place}, ${percent} of the song is here`,
  },

  speaker: {
    title: 'This speaker',
    output: 'Sound goes to',
    systemDefault: 'System default',
    systemDefaultIs: (name: string) => `System default (${name})`,
    missing: (id: string) => `${id} (not connected)`,
    delay: 'Speaker delay',
    delayHint: 'If this speaker sounds late, raise this until the echo is gone.',
    lessDelay: (step: string) => `${step} less delay`,
    moreDelay: (step: string) => `${step} more delay`,
    latency: (size: string) => `The system adds ${size}, already taken into account.`,
    timing: 'Timing',
    place: 'Distance from its place',
    correction: 'Speed correction',
    clock: 'Clock, one standard deviation',
    roundTrip: 'Round trip',
    skew: 'Clock rate against the party',
    format: 'Output',
    rateAndChannels: (rate: number, channels: number) =>
      `${number(rate / 1000)} kHz, ${plural(channels, { one: '# channel', other: '# channels' })}`,
    jumps: 'Moves that could be heard',
    underruns: 'Times sound was cut',
    unknown: 'Not known yet',
  },

  settings: {
    title: 'Settings',
    close: 'Close settings',
    language: 'Language',
    systemLanguage: 'As the system has it',
    alias: 'Name of this device',
    save: 'Save',
    filesPerMember: 'Songs shared from this device',
    filesHint: (max: number) => `1 to ${number(max)} at a time.`,
    network: 'Help from outside',
    publicTrackers: 'Use public trackers',
    publicTrackersHint:
      'Off: nothing leaves the party. On: three public servers learn which songs (by fingerprint, not by name) are shared and your internet address, and may help devices far apart find each other.',
    ice: 'STUN or TURN servers',
    iceHint:
      'One per line, for devices on different networks: stun:host or turn:name:password@host. Empty: no server is asked for your address.',
    iceBad: 'Each line is stun:host or turn:name:password@host',
  },

  log: {
    title: 'What happened',
    empty: 'Nothing yet.',
    underruns: (count: number) =>
      plural(count, { one: '# time since the app started', other: '# times since the app started' }),
  },

  mute: {
    mute: 'Mute this device',
    unmute: 'Let this device be heard',
    mutedTitle: 'This device is muted',
    mutedBody: 'The others play on. Unmuted, it is heard in its place at once.',
    lostTitle: 'The sound device was disconnected',
    lostBody:
      'This device is muted so that the speaker doesn’t surprise you. The party goes on; plug the device in again and it is heard by itself.',
    useSpeaker: 'Use the speaker',
    useOutput: (name: string) => `Use ${name}`,
  },

  tray: {
    show: 'Show the window',
    play: 'Play for everyone',
    pause: 'Pause for everyone',
    leave: 'Leave the party',
    quit: 'Quit',
  },

  /** Titles of what is told while a person looks elsewhere. */
  news: {
    directing: 'You are directing now',
    songReady: 'Song ready',
    outputLost: 'Sound device disconnected',
  },

  help: {
    title: 'Connection check',
    close: 'Close the connection check',
    again: 'Check again',
    report: 'Save party report',
    reportHint:
      'One file for whoever helps you: how well every device kept time in the last ten minutes, and what happened. It holds no names, no keys and no addresses.',
    saved: 'The report was saved.',
    failed: 'The report could not be saved. Try another folder.',
  },

  checks: {
    subjects: {
      relay: 'Reaching the party',
      tracker: 'Meeting other WebTorrent programs',
      webrtc: 'Sending songs to each other',
      udp: 'Fast time signals',
      multicast: 'Finding devices on this network',
      output: 'Sound',
      clock: 'The party’s time',
    } satisfies Record<CheckSubject | 'webrtc', string>,
    states: {
      running: 'Checking…',
      works: 'Works',
      limited: 'Limited',
      fails: 'Does not work',
      noParty: 'Join a party first',
    } satisfies Record<CheckState, string>,
    remedies: {
      relay:
        'The party’s relay does not answer. Check that its host is awake and on the same network, and that no VPN is on. Music you have keeps playing in time.',
      tracker: 'Other WebTorrent programs cannot join in. Devices with this app exchange songs all the same.',
      webrtc:
        'This device cannot exchange songs with others. Update the system’s web view; music of others can’t be played here until then.',
      udp: 'A firewall keeps UDP away from the relay, so time comes the slower way. Allow UDP on the relay’s port for tighter sync.',
      multicast:
        'Parties nearby may stay hidden. Allow this app in the firewall, leave guest networks, or join by link or code instead.',
      output:
        'Nothing can be heard here, or not where you chose. Plug the device in, unmute, or choose another output.',
      clock: 'The party’s time is not known well enough. Move closer to the Wi-Fi, or wait a few seconds.',
    } satisfies Record<CheckSubject | 'webrtc', string>,
  },

  relayPage: {
    title: 'A party meets here',
    text: 'This address belongs to a relay. Open the app, choose “Join by relay address” and enter:',
    demo: 'See the app with made-up devices',
  },

  notices: {
    'bad-key': 'That is not a party key. Type at least one character, at most about a thousand.',
    'bad-invite': 'That link is no invitation that can be used. Ask for it anew, or type the party key.',
    'bad-relay-address': 'That relay address cannot be used. It begins with ws:// or wss://, then a name or number.',
    'relay-unreachable': 'The party cannot be reached. Trying again by itself; check the address and the network.',
    'relay-lost': 'The connection to the party broke. Music you have keeps playing in time; reconnecting by itself.',
    'relay-refused': 'The party refused the last request. Music goes on; try again.',
    'cannot-host':
      'A party could not be started on this device. Close other programs that use the network port, or join one nearby.',
    connected: 'Connected to the party.',
    'member-joined': 'A device joined.',
    'member-left': 'A device left. Music goes on.',
    'director-changed': 'Another device controls playback now. Music goes on.',
    'you-direct': 'You control playback now.',
    'not-director': 'Only the device that controls playback can do that. Take control first.',
    'file-added': 'A song was added and is being shared.',
    'file-complete': 'A song arrived whole and is shared from here too.',
    'too-many-files': 'No room to share another song. Remove one of yours, or add it from another device.',
    'file-unreadable': 'A file could not be read. Check that it is still there and may be opened, then add it again.',
    'file-empty': 'A file is empty, so there is nothing to play. Choose another one.',
    'file-too-large': 'A file is too large to share. The limit is 4 GB.',
    'file-not-music': 'A file holds no music that can be played here. Try MP3, M4A, FLAC, OGG, WAV or AIFF.',
    'file-gone':
      'A shared file was moved, deleted or changed. Other devices that have it go on; add it again to share it from here.',
    'piece-corrupt': 'Part of a song arrived damaged. Fetching it again; nothing to do.',
    'metainfo-mismatch': 'A song is not what was announced, so it is not fetched. Ask for it to be added again.',
    'disk-full': 'The disk is full, so songs cannot be fetched. Music that is here goes on; free some space.',
    'storage-fault':
      'The app’s data folder cannot be used. Music that is here goes on; check its permissions and restart.',
    'song-damaged': 'A song ends early here because its file is damaged. Other songs are not affected.',
    'output-lost': 'The sound device is gone. Trying another one; the party goes on.',
    'output-unavailable':
      'No sound device could be opened, so this device is silent. Choose another output or connect one.',
    'output-ready': 'The sound device is in use again, in time with the others.',
    'output-untimed':
      'This output does not tell when it sounds, so it may be some milliseconds off. Speaker delay can make up for it.',
    underrun: 'Sound was cut for a moment because this device was busy. It is back in its place.',
    'bad-setting': 'A setting was out of range and was not changed.',
    'trace-saved': 'A trace was saved. It holds time stamps only: no names, no keys, no music.',
    'trace-not-saved':
      'The trace could not be saved. Music goes on; free some space or check the app’s data folder, then try again.',
    'carrier-changed': 'Another device carries the party now. Music goes on.',
    'you-carry': 'This device carries the party now. Music goes on.',
    'window-fault': 'Something went wrong in this window. Music goes on; restart the app if a song does not arrive.',
  } satisfies Record<NoticeCode, string>,

  logLevels: {
    info: 'Note',
    warning: 'Warning',
    error: 'Fault',
  } satisfies Record<LogLevel, string>,

  links: {
    connecting: 'Connecting…',
    online: 'Connected',
    reconnecting: 'Offline. Still playing in time, for now',
  } satisfies Record<LinkState, string>,

  playbackStates: {
    stopped: 'Ready',
    waiting: 'Getting ready…',
    armed: 'About to start',
    playing: 'Playing',
    paused: 'Paused',
    ended: 'Finished',
    failed: 'Can’t play here',
  } satisfies Record<PlaybackState, string>,

  syncStates: {
    unsynced: 'Unsynced',
    coarse: 'Coarse',
    good: 'Good',
    locked: 'Locked',
  } satisfies Record<SyncState, string>,

  /** What each state means for the ear. */
  syncMeanings: {
    unsynced: 'The party’s time is not known well enough to play by it yet.',
    coarse: 'Within 5 ms: two speakers in a room still sound like one.',
    good: 'Within 500 µs: closer than an ear can tell.',
    locked: 'Within 100 µs: as close as it gets.',
  } satisfies Record<SyncState, string>,

  syncPaths: {
    lan: 'LAN',
    relay: 'Relay',
  } satisfies Record<SyncPath, string>,
} as const

/** The texts of any language: the keys of the English ones, and what each has to put in. */
export type Catalogue = Texts<typeof en>

type Texts<T> = T extends string
  ? string
  : T extends (...given: infer Given) => string
    ? (...given: Given) => string
    : { readonly [Key in keyof T]: Texts<T[Key]> }
