/**
 * Tells those who listen to the screen what others see: who came, who controls, what went wrong.
 * At most one message at a time, and never anything that ticks.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { detailText, notices } from '../../i18n/en'
import { useView } from '../../state/party'

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
        fresh.map(({ notice }) => [notices[notice.code], detailText(notice)].filter(Boolean).join(' ')).join(' '),
      )
    }, MERGE)
    return () => clearTimeout(timer)
  }, [log])

  return <output class="visually-hidden">{message}</output>
}
