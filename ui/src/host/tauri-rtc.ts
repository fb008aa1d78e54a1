/**
 * WebRTC by the app's core, for webviews without their own. Compiled in on Linux only.
 * The commands and their arguments are listed in `rtc/host.ts`.
 */
import { Channel, invoke } from '@tauri-apps/api/core'
import type { ConnectionEvent, RtcHost } from '../rtc/host'

export function createTauriRtc(): RtcHost {
  return {
    reset: () => invoke('rtc_reset'),
    // One channel per connection, passed once: a second use would restart its numbering.
    open: (config, onEvent) => invoke('rtc_open', { config, events: new Channel<ConnectionEvent>(onEvent) }),
    close: (connection) => invoke('rtc_close', { connection }),
    createChannel: (connection, config) => invoke('rtc_create_channel', { connection, config }),
    createOffer: (connection) => invoke('rtc_create_offer', { connection }),
    createAnswer: (connection) => invoke('rtc_create_answer', { connection }),
    setLocal: (connection, description) => invoke('rtc_set_local', { connection, description }),
    setRemote: (connection, description) => invoke('rtc_set_remote', { connection, description }),
    addCandidate: (connection, candidate) => invoke('rtc_add_candidate', { connection, candidate }),
    selectedPath: (connection) => invoke('rtc_selected_path', { connection }),
    send: (connection, channel, batch) =>
      // A page may not set a header called `connection`: fetch drops it without a word.
      invoke('rtc_send', batch, {
        headers: { 'rtc-connection': String(connection), 'rtc-channel': String(channel) },
      }),
    receive: (connection, channel) => invoke('rtc_receive', { connection, channel }),
    closeChannel: (connection, channel) => invoke('rtc_close_channel', { connection, channel }),
  }
}
