/**
 * Picks the host, then draws the window. Inside the app that is the core; elsewhere a page served
 * by a relay says where to go, and `?demo` shows a made-up party.
 */
import '@fontsource-variable/instrument-sans/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import { render } from 'preact'
import { App } from './features/App'
import { RelayPage } from './features/RelayPage'
import { isScene } from './host/scene'
import type { LanguageChoice } from './i18n/languages'
import { speak } from './i18n/words'
import type { Host } from './host/host'
import { createTauriHost, isInsideApp } from './host/tauri'
import { installRtc } from './rtc/install'
import { createParty } from './state/party'
import { openSwarm } from './swarm/client'

/** How often the made-up party moves on. (milliseconds) */
const DEMO_STEP = 250

async function start(root: HTMLElement): Promise<void> {
  const host = isInsideApp() ? createTauriHost() : await demoHost()
  const choice = (): LanguageChoice => host?.language.chosen() ?? 'system'
  // Without its texts the window speaks English, which is always here.
  const follow = (): Promise<void> => speak(choice()).catch(() => {})
  await follow()
  addEventListener('languagechange', () => void follow())
  if (!host) {
    render(<RelayPage address={location} />, root)
    return
  }
  if (import.meta.env.TAURI_ENV_PLATFORM === 'linux' && host.rtc) await installRtc(host.rtc)

  const party = createParty(host, () => performance.now())
  const swarm = openSwarm(host)
  host.subscribe((event) => {
    party.handleEvent(event)
    if (event.type === 'view') swarm.handleView(event.view)
    else swarm.handleSignal(event.from, event.data)
  })
  render(<App party={party} />, root)
}

async function demoHost(): Promise<Host | null> {
  const wanted = new URLSearchParams(location.search).get('demo')
  if (wanted === null && !import.meta.env.DEV) return null
  const { createFakeHost } = await import('./host/fake')
  const host = createFakeHost(isScene(wanted) ? wanted : 'lobby')
  setInterval(() => host.advance(DEMO_STEP), DEMO_STEP)
  return host
}

const root = document.getElementById('app')
if (root) void start(root)
