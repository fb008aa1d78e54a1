/** The party room: music, devices, sync, this speaker, the log, and the player below them all. */
import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { keepFocus } from '../../elements/keep-focus'
import { Panel } from '../../elements/Panel'
import { words } from '../../i18n/words'
import { useParty, useView } from '../../state/party'
import { Files } from '../library/Files'
import { LogList } from '../log/LogList'
import { PLAYER, PlayerBar } from '../player/PlayerBar'
import { SettingsSheet } from '../settings/SettingsSheet'
import { SpeakerPanel } from '../settings/SpeakerPanel'
import { SyncPanel } from '../sync/SyncPanel'
import { MutedBanner } from '../system/MutedBanner'
import { Members } from './Members'
import { RoomHeader } from './RoomHeader'
import styles from './Room.module.css'

/** Lines of the log that are shown; older ones have scrolled out of interest. */
const LOG_SHOWN = 40

export function Room() {
  const [settingsOpen, setSettingsOpen] = useState(false)
  const hovering = useFileHover()
  const room = useFocusKept()
  return (
    <div class={styles['room']} ref={room}>
      <a class={styles['skip']} href={`#${PLAYER}`}>
        {words().player.skipTo}
      </a>
      <RoomHeader onSettings={() => setSettingsOpen(true)} />
      <MutedBanner />
      <main class={styles['main']}>
        <div class={styles['music']}>
          <Files />
        </div>
        <div class={styles['side']}>
          <Members />
          <SyncPanel />
          <SpeakerPanel />
          <Panel title={words().log.title}>
            <Log />
          </Panel>
        </div>
      </main>
      <PlayerBar />
      {hovering && (
        <div class={styles['drop']} aria-hidden="true">
          <p>{words().files.drop}</p>
        </div>
      )}
      {settingsOpen && <SettingsSheet onClose={() => setSettingsOpen(false)} />}
    </div>
  )
}

/** For the element whose focus is to outlive what had it. */
function useFocusKept(): RefObject<HTMLDivElement | null> {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const ending = new AbortController()
    if (element.current) keepFocus(element.current, ending.signal)
    return () => ending.abort()
  }, [])
  return element
}

function Log() {
  const { log } = useView()
  return log.length === 0 ? (
    <p class={styles['soft']}>{words().log.empty}</p>
  ) : (
    <LogList lines={log.slice(-LOG_SHOWN)} />
  )
}

/** True while files from outside are held over the page. */
function useFileHover(): boolean {
  const { host } = useParty()
  const [hovering, setHovering] = useState(false)
  useEffect(() => {
    const ending = new AbortController()
    const { signal } = ending
    const over = (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setHovering(true)
    }
    const out = (event: DragEvent): void => {
      if (event.relatedTarget === null) setHovering(false)
    }
    const drop = (event: DragEvent): void => {
      event.preventDefault()
      setHovering(false)
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length > 0) host.dropFiles?.(files)
    }
    window.addEventListener('dragover', over, { signal })
    window.addEventListener('dragleave', out, { signal })
    window.addEventListener('drop', drop, { signal })
    return () => ending.abort()
  }, [host])
  return hovering
}
