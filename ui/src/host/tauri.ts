/**
 * The port as the app provides it. Only this file and `tauri-rtc.ts` import the Tauri API.
 *
 * Bytes go to the core as the raw body of a call, with what they are in its headers, and come
 * back as raw responses: neither base64 nor lists of numbers.
 */
import { Channel, invoke } from '@tauri-apps/api/core'
import { decodeHostEvent } from '../protocol/decode'
import type { Intent } from '../protocol/generated/Intent'
import type { Host, TrayItem } from './host'
import { languageIn } from './language'
import { createTauriRtc } from './tauri-rtc'

/** Opens the port to the core this window belongs to. */
export function createTauriHost(): Host {
  return {
    capabilities: { addsFiles: true },
    language: languageIn(localStorage),
    ...(import.meta.env.TAURI_ENV_PLATFORM === 'linux' ? { rtc: createTauriRtc() } : {}),

    sendIntent: (intent) => invoke('send_intent', { intent }),

    subscribe(listener) {
      let listening = true
      const channel = new Channel<unknown>((event) => {
        if (!listening) return
        try {
          listener(decodeHostEvent(event))
        } catch (cause) {
          // One event that cannot be read or drawn must not end those after it.
          complain(cause)
        }
      })
      invoke('subscribe', { channel }).catch(complain)
      return () => {
        listening = false
      }
    },

    pickFiles: () => invoke('pick_files'),
    saveReport: () => invoke('save_report'),
    notify: (title, body) => invoke('notify', { title, body }),
    ...(isPhone() ? {} : { setTray: (items: readonly TrayItem[]) => invoke<void>('set_tray', { items }) }),

    async artwork(fileId) {
      const bytes = await invoke<ArrayBuffer>('artwork', { fileId })
      return bytes.byteLength === 0 ? null : pictureOf(new Uint8Array(bytes))
    },

    readPiece: (infoHash, index, offset, length) => bytesOf('read_piece', { infoHash, index, offset, length }),
    metainfo: (infoHash) => bytesOf('metainfo', { infoHash }),
    heldPieces: (infoHash) => bytesOf('held_pieces', { infoHash }),

    writePiece: (infoHash, index, bytes) =>
      invoke('write_piece', bytes, { headers: { 'info-hash': infoHash, index: String(index) } }),
    putMetainfo: (infoHash, bytes) => invoke('put_metainfo', bytes, { headers: { 'info-hash': infoHash } }),
  }
}

/** True inside the app's own window. */
export function isInsideApp(): boolean {
  return '__TAURI_INTERNALS__' in window
}

/** Phones have no icon beside the clock. */
function isPhone(): boolean {
  const platform: unknown = import.meta.env.TAURI_ENV_PLATFORM
  return platform === 'android' || platform === 'ios'
}

/** Puts a fault of the window into the core's log, where a person sees it. */
function complain(cause: unknown): void {
  const intent: Intent = { type: 'reportFault', text: String(cause) }
  invoke('send_intent', { intent }).catch(() => {})
}

async function bytesOf(command: string, args: Record<string, string | number>): Promise<Uint8Array> {
  return new Uint8Array(await invoke<ArrayBuffer>(command, args))
}

/** A picture comes with its MIME type as a line before its bytes. */
function pictureOf(bytes: Uint8Array<ArrayBuffer>): Blob | null {
  const end = bytes.indexOf(0x0a)
  if (end < 0) return null
  const type = new TextDecoder().decode(bytes.subarray(0, end))
  return PICTURE.test(type) ? new Blob([bytes.subarray(end + 1)], { type }) : null
}

/** Picture formats that every webview draws. SVG is left out: it is a document, not a picture. */
const PICTURE = /^image\/(jpeg|png|gif|webp|bmp)$/
