/** A song's picture, or a print made from its fingerprint: the same on every device. Decoration. */
import { useEffect, useState } from 'preact/hooks'
import { useParty } from '../../state/party'
import styles from './Cover.module.css'

export function Cover({ fileId, artwork }: { readonly fileId: string; readonly artwork: boolean }) {
  const url = useArtwork(fileId, artwork)
  return (
    <span class={styles['cover']} aria-hidden="true">
      {url ? <img src={url} alt="" /> : <Print fileId={fileId} />}
    </span>
  )
}

function useArtwork(fileId: string, artwork: boolean): string | null {
  const { host } = useParty()
  const [url, setUrl] = useState<string | null>(null)
  useEffect(() => {
    if (!artwork) return undefined
    let wanted = true
    let made: string | null = null
    host.artwork(fileId).then(
      (picture) => {
        if (!wanted || !picture) return
        made = URL.createObjectURL(picture)
        setUrl(made)
      },
      // A song without its picture is still a song.
      () => {},
    )
    return () => {
      wanted = false
      setUrl(null)
      if (made) URL.revokeObjectURL(made)
    }
  }, [host, fileId, artwork])
  return url
}

function Print({ fileId }: { readonly fileId: string }) {
  const number = (from: number): number => Number.parseInt(fileId.slice(from, from + 2), 16) || 0
  const [ground = '', first = '', second = ''] = INKS[number(0) % INKS.length] ?? []
  const turn = (number(2) % 4) * 90
  const size = 14 + (number(4) % 12)
  return (
    <svg viewBox="0 0 48 48">
      <rect width="48" height="48" fill={ground} />
      <g transform={`rotate(${turn} 24 24)`}>
        {number(6) % 2 === 0 ? (
          <>
            <circle cx="48" cy="48" r={size + 16} fill={first} />
            <circle cx="48" cy="48" r={size} fill={second} />
          </>
        ) : (
          <>
            <path d={`M0 ${size + 12}h48v${size}H0z`} fill={first} />
            <circle cx="16" cy={size} r={size / 2} fill={second} />
          </>
        )}
      </g>
    </svg>
  )
}

/** Ground and two inks, as on a two-colour print. */
const INKS: readonly (readonly [string, string, string])[] = [
  ['#123c3a', '#2f7f79', '#f2c14e'],
  ['#2b2d42', '#ef8354', '#f4ede4'],
  ['#f0d9b5', '#c8553d', '#2d2a26'],
  ['#1f3a5f', '#8fb8de', '#f7b267'],
  ['#e4e0d5', '#4b6858', '#e08d2e'],
  ['#3d2c2e', '#d9774a', '#f1dca7'],
  ['#dfe6da', '#3a5a78', '#d8572a'],
  ['#24302b', '#7fa77a', '#f3e9d2'],
]
