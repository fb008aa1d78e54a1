/** The picture of a song's loudness: from one letter a column to an outline that can be drawn. Pure. */

/** The letters, by level: those of RFC 4648, table 2. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Height of silence: a line that can be seen. (share of the loudest) */
const LEAST = 0.06

/** A column for each letter, the same above and below the middle of a box of height 2. */
export function outlineOf(waveform: string): { readonly columns: number; readonly path: string } {
  const heights = [...waveform].map((letter) => Math.max(LEAST, LETTERS.indexOf(letter) / (LETTERS.length - 1)))
  const above = heights.map((height, column) => `${column} ${round(1 - height)}H${column + 1}`)
  const below = heights.map((height, column) => `${column + 1} ${round(1 + height)}H${column}`).toReversed()
  return {
    columns: Math.max(1, heights.length),
    path: heights.length === 0 ? '' : `M${[...above, ...below].join('L')}z`,
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
