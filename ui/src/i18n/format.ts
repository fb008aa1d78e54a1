/** Numbers as people read them, in the language and the region of the window. */
import { signal } from '@preact/signals'

/** The language and region that numbers are written for, as a BCP 47 tag. */
const locale = signal('en')

/** Writes numbers for this language and region from now on; what is on screen is drawn again. */
export function setLocale(tag: string): void {
  formats.clear()
  locale.value = tag
}

/** `1,200`; in the digits of the region. */
export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  return formatOf(locale.value, options).format(value)
}

/** `62%`, of a whole number of percent. */
export function percentage(percent: number): string {
  return number(percent / 100, { style: 'percent' })
}

/** `3:07`, or `1:02:07` from an hour on. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const [first, ...rest] = hours > 0 ? [hours, minutes % 60, seconds % 60] : [minutes, seconds % 60]
  return [number(first ?? 0, PLAIN), ...rest.map((part) => number(part, TWO_DIGITS))].join(':')
}

const PLAIN: Intl.NumberFormatOptions = { useGrouping: false }
const TWO_DIGITS: Intl.NumberFormatOptions = { minimumIntegerDigits: 2 }

/** `1 minute 12 seconds`, for those who listen to the screen. */
export function spokenTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const rest = spoken(seconds % 60, 'second')
  if (minutes === 0) return rest
  const list = new Intl.ListFormat(locale.value, { type: 'unit', style: 'narrow' })
  return list.format([spoken(minutes, 'minute'), rest])
}

/** `8.4 MB`. What is less than a kilobyte is a part of one. */
export function byteSize(bytes: number): string {
  return sized(bytes, '')
}

/** `2.4 MB/s`. */
export function byteRate(bytesPerSecond: number): string {
  return sized(bytesPerSecond, '-per-second')
}

function sized(bytes: number, per: '' | '-per-second'): string {
  let value = bytes / 1000
  let unit = 'kilobyte'
  for (const next of ['megabyte', 'gigabyte', 'terabyte']) {
    if (value < 999.5) break
    value /= 1000
    unit = next
  }
  return number(value, { style: 'unit', unit: `${unit}${per}`, ...digits(value < 9.95 && value > 0 ? 1 : 0) })
}

/** `180 µs`, or `2.4 ms` from a millisecond on; the sign is left out. */
export function shortSpan(us: number): string {
  return span(Math.abs(us), 'short')
}

/** `±180 µs`. */
export function plusMinus(us: number): string {
  return `±${shortSpan(us)}`
}

/** `+12 µs`, `−2.4 ms`, `0 µs`. */
export function signedSpan(us: number): string {
  return span(us, 'short', { signDisplay: 'exceptZero' })
}

/** `12 microseconds`, for those who listen to the screen; the sign is left out. */
export function spokenSpan(us: number): string {
  return span(Math.abs(us), 'long')
}

/** `5 ms`. */
export function milliseconds(ms: number): string {
  return withUnit(ms, 'millisecond', 'short')
}

/** `5 milliseconds`. */
export function spokenMilliseconds(ms: number): string {
  return spoken(ms, 'millisecond')
}

/** `+12.4`, without its unit. */
export function signed(value: number): string {
  return trueMinus(number(value, { ...digits(1), signDisplay: 'always' }))
}

function span(us: number, unitDisplay: 'short' | 'long', options: Intl.NumberFormatOptions = {}): string {
  const size = Math.abs(us)
  if (size < 999.5) return withUnit(Math.round(us), 'microsecond', unitDisplay, options)
  return withUnit(us / 1000, 'millisecond', unitDisplay, { ...digits(size < 9_950 ? 1 : 0), ...options })
}

function spoken(value: number, unit: string): string {
  return withUnit(value, unit, 'long')
}

function withUnit(
  value: number,
  unit: string,
  unitDisplay: 'short' | 'long',
  options: Intl.NumberFormatOptions = {},
): string {
  // Webviews from before 2023 lack this unit's name; its sign is the same in all languages.
  if (unit === 'microsecond' && !KNOWS_MICROSECONDS) return `${trueMinus(number(value, options))} µs`
  return trueMinus(number(value, { style: 'unit', unit, unitDisplay, ...options })).replace('\u03bc', 'µ')
}

const KNOWS_MICROSECONDS = Intl.supportedValuesOf('unit').includes('microsecond')

/** The sign that is as wide as a plus, where `Intl` writes a hyphen. */
function trueMinus(text: string): string {
  return text.replace('-', '−')
}

function digits(count: number): Intl.NumberFormatOptions {
  return { minimumFractionDigits: count, maximumFractionDigits: count }
}

/** Making a format costs a hundred times what using it does, and figures come twenty times a second. */
const formats = new Map<string, Intl.NumberFormat>()

function formatOf(tag: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options)
  const kept = formats.get(key)
  if (kept) return kept
  const made = new Intl.NumberFormat(tag, options)
  formats.set(key, made)
  return made
}
