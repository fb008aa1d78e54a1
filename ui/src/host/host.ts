/**
 * The one port between the window and the app's core.
 *
 * Everything the window may ask of the outside is in this interface; nothing else imports
 * the Tauri API. What is deliberately absent: file paths (the core opens the dialog and keeps
 * them), clocks (the core times everything that is heard) and sockets.
 *
 * `tauri.ts` is the app, `fake.ts` a party in memory for tests and for work on the screens.
 */
import type { FileId } from '../protocol/generated/FileId'
import type { HostEvent } from '../protocol/generated/HostEvent'
import type { InfoHash } from '../protocol/generated/InfoHash'
import type { Intent } from '../protocol/generated/Intent'
import type { RtcHost } from '../rtc/host'
import type { LanguageKeeper } from './language'

/** Ends what was begun by the call that returned it. Calling it twice does no harm. */
export type Unsubscribe = () => void

export interface Host extends PieceHost {
  readonly capabilities: Capabilities

  /** The language a person chose for the window. */
  readonly language: LanguageKeeper

  /** Passes on what a person wants. What comes of it is seen in the next view. */
  sendIntent(intent: Intent): Promise<void>

  /** Delivers the present view at once and every event from then on. */
  subscribe(listener: (event: HostEvent) => void): Unsubscribe

  /** Opens the system's file dialog; the core adds what was picked. */
  pickFiles(): Promise<void>

  /** The picture that belongs to a file, or null if there is none. */
  artwork(fileId: FileId): Promise<Blob | null>

  /**
   * Takes files dropped on the page. Absent in the app, where the window's own drop goes to the
   * core and no path is seen here.
   */
  dropFiles?(files: readonly File[]): void

  /** WebRTC carried by the core, where the webview has none. */
  readonly rtc?: RtcHost

  /** Saves the party report where a person says. False if they thought better of it. */
  saveReport(): Promise<boolean>

  /** Tells a person something while they look elsewhere; nothing while this window is in front. */
  notify(title: string, body: string): Promise<void>

  /** Gives the icon beside the clock its menu. Absent where there is no such place. */
  setTray?(items: readonly TrayItem[]): Promise<void>
}

/** A line in the menu of the icon beside the clock. What it does is done by the core. */
export interface TrayItem {
  readonly action: 'show' | 'playPause' | 'mute' | 'unmute' | 'leave' | 'quit'
  readonly label: string
  readonly enabled: boolean
}

/** What this host can do; the window leaves out what it cannot. */
export interface Capabilities {
  /** True when a person can add files of this device. */
  readonly addsFiles: boolean
}

/** The part of the port that WebTorrent's pieces go through. Bytes cross it raw. */
export interface PieceHost {
  /** Part of a verified piece. Rejects when the piece is not held. Offset and length in bytes. */
  readPiece(infoHash: InfoHash, index: number, offset: number, length: number): Promise<Uint8Array>

  /** Stores one whole piece. Rejects when it does not match its hash or cannot be kept. */
  writePiece(infoHash: InfoHash, index: number, bytes: Uint8Array): Promise<void>

  /** The whole torrent description. Rejects when the core does not hold it. */
  metainfo(infoHash: InfoHash): Promise<Uint8Array>

  /** Hands over a torrent description fetched from a member. Rejects when it does not fit. */
  putMetainfo(infoHash: InfoHash, bytes: Uint8Array): Promise<void>

  /** Which pieces are held, as a BitTorrent bitfield: first piece in the highest bit. */
  heldPieces(infoHash: InfoHash): Promise<Uint8Array>
}
