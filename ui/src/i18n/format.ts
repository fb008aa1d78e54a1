/** Numbers as people read them. */

/** `3:07`, or `1:02:07` from an hour on. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60]
  const hours = Math.floor(seconds / 3600)
  const [minutes = 0, rest = 0] = parts
  const tail = String(rest).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}

/** `1 minute 12 seconds`, for those who listen to the screen. */
export function spokenTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const rest = plural(seconds % 60, 'second')
  return minutes > 0 ? `${plural(minutes, 'minute')} ${rest}` : rest
}

/** `8.4 MB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = ''
  for (const next of units) {
    if (value < 999.5) break
    value /= 1000
    unit = next
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

/** `2.4 MB/s`. */
export function byteRate(bytesPerSecond: number): string {
  return `${byteSize(bytesPerSecond)}/s`
}

/** `180 µs`, or `2.4 ms` from a millisecond on; the sign is left out. */
export function shortSpan(us: number): string {
  const size = Math.abs(us)
  if (size < 999.5) return `${Math.round(size)} µs`
  return `${size < 9_950 ? (size / 1000).toFixed(1) : Math.round(size / 1000)} ms`
}

/** `±180 µs`. */
export function plusMinus(us: number): string {
  return `±${shortSpan(us)}`
}

/** `+12 µs`, `−2.4 ms`, `0 µs`. */
export function signedSpan(us: number): string {
  const span = shortSpan(us)
  if (Math.abs(us) < 0.5) return span
  return `${us < 0 ? '−' : '+'}${span}`
}

/** `12 microseconds`, for those who listen to the screen. */
export function spokenSpan(us: number): string {
  const size = Math.abs(us)
  if (size < 999.5) return plural(Math.round(size), 'microsecond')
  return `${size < 9_950 ? (size / 1000).toFixed(1) : Math.round(size / 1000)} milliseconds`
}

/** `+12.4 ppm`. */
export function partsPerMillion(ppm: number): string {
  return `${ppm < 0 ? '−' : '+'}${Math.abs(ppm).toFixed(1)} ppm`
}

/** `1 device`, `3 devices`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
