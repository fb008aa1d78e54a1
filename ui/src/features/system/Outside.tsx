/**
 * What is said outside of the window: the menu of the icon beside the clock, and news for a person
 * who looks elsewhere. Draws nothing.
 */
import { useEffect, useRef } from 'preact/hooks'
import type { TrayItem } from '../../host/host'
import { words } from '../../i18n/words'
import type { Catalogue } from '../../i18n/en'
import type { LogLine } from '../../protocol/generated/LogLine'
import type { View } from '../../protocol/generated/View'
import { useParty, useView } from '../../state/party'
import { mainAction } from '../../state/transport'

export function Outside() {
  return (
    <>
      <Tray />
      <News />
    </>
  )
}

function Tray() {
  const { host, ask } = useParty()
  const items = trayOf(useView(), words())
  const text = JSON.stringify(items)
  const said = useRef('')
  useEffect(() => {
    // Drawn again for every view, of which few change what the menu says.
    if (text === said.current) return
    said.current = text
    host.setTray?.(items).catch((cause: unknown) => ask({ type: 'reportFault', text: `tray: ${String(cause)}` }))
  })
  return null
}

function trayOf({ swarm, output, playback }: View, { tray, mute }: Catalogue): TrayItem[] {
  const show = { action: 'show', label: tray.show, enabled: true } as const
  const quit = { action: 'quit', label: tray.quit, enabled: true } as const
  if (swarm === null) return [show, quit]
  const sound =
    output.muted === null
      ? ({ action: 'mute', label: mute.mute, enabled: true } as const)
      : ({ action: 'unmute', label: mute.unmute, enabled: true } as const)
  const does = mainAction(playback.state) === 'pause' ? tray.pause : tray.play
  return [
    show,
    // A guest's press would only mute, which the line below does under its own name.
    ...(swarm.isDirector ? [{ action: 'playPause', label: does, enabled: true } as const] : []),
    sound,
    { action: 'leave', label: tray.leave, enabled: true },
    quit,
  ]
}

function News() {
  const { host, ask } = useParty()
  const { log } = useView()
  const seen = useRef(log.at(-1)?.number ?? 0)
  useEffect(() => {
    const fresh = log.filter(({ number }) => number > seen.current)
    seen.current = log.at(-1)?.number ?? 0
    for (const line of fresh) {
      const told = newsOf(line, words())
      if (told === null) continue
      host.notify(...told).catch((cause: unknown) => ask({ type: 'reportFault', text: `news: ${String(cause)}` }))
    }
  }, [host, ask, log])
  return null
}

/** Title and text of what is worth looking up for; null for the rest. */
function newsOf({ notice }: LogLine, { news, notices }: Catalogue): [string, string] | null {
  if (notice.code === 'you-direct') return [news.directing, notices['you-direct']]
  if (notice.code === 'file-complete') return [news.songReady, notice.detail]
  if (notice.code === 'output-lost') return [news.outputLost, notices['output-lost']]
  return null
}
