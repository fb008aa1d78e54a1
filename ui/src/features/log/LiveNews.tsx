/**
 * Tells those who listen to the screen what others see: who came, who controls, what went wrong,
 * and what the music does.
 * At most one message at a time, and never anything that ticks.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { detailText } from '../../i18n/sentences'
import { words } from '../../i18n/words'
import type { PlaybackState } from '../../protocol/generated/PlaybackState'
import { titleOf } from '../../state/files'
import { useParty, useView } from '../../state/party'

/** Time in which several lines become one message. (milliseconds) */
const MERGE = 1_500
/** Lines of one message; beyond these it would be too long to listen to. */
const MOST = 3

export function LiveNews() {
  const { log } = useView()
  const said = useRef(log.at(-1)?.number ?? 0)
  const [message, setMessage] = useState('')

  useEffect(() => {
    if ((log.at(-1)?.number ?? 0) <= said.current) return undefined
    const timer = setTimeout(() => {
      const fresh = log.filter((line) => line.number > said.current).slice(-MOST)
      said.current = log.at(-1)?.number ?? 0
      setMessage(
        fresh
          .map(({ notice }) => [words().notices[notice.code], detailText(notice)].filter(Boolean).join(' '))
          .join(' '),
      )
    }, MERGE)
    return () => clearTimeout(timer)
  }, [log])

  return (
    <>
      <MusicNews />
      <output class="visually-hidden">{message}</output>
    </>
  )
}

/** What plays now, or no longer. Said when it changes, and not when the room is entered. */
function MusicNews() {
  const party = useParty()
  const { state, onAir } = useView().playback
  const now = isSaid(state) ? `${state} ${onAir?.fileId}` : null
  const said = useRef(now)
  const [message, setMessage] = useState('')

  useEffect(() => {
    if (now === null || now === said.current) return undefined
    const timer = setTimeout(() => {
      said.current = now
      const { playback, files } = party.view
      const file = files.find(({ fileId }) => fileId === playback.onAir?.fileId)
      const does = words().playbackStates[playback.state]
      setMessage(file ? words().player.news(does, titleOf(file)) : does)
    }, MERGE)
    return () => clearTimeout(timer)
  }, [now, party])

  return <output class="visually-hidden">{message}</output>
}

/** True for states that last; the others pass in a moment. */
function isSaid(state: PlaybackState): boolean {
  switch (state) {
    case 'playing':
    case 'paused':
    case 'ended':
    case 'failed':
      return true
    case 'stopped':
    case 'waiting':
    case 'armed':
      return false
    default:
      return state satisfies never
  }
}
