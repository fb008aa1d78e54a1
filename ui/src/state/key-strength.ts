/**
 * How hard a typed key is to guess, for a hint beside the field.
 *
 * Whoever runs a relay is shown the key's hash and can try keys against it, so this counts as an
 * attacker would: by words, not by letters. It is advice; every key is accepted.
 */
export type KeyStrength = 'weak' | 'fair' | 'strong'

/** From here on no guesser gets through: words drawn by the app have 72. (bits) */
const STRONG = 70
/** Below this one graphics card tries them all within a day or so, ten billion a second. (bits) */
const WEAK = 50

/** What a word is worth: one of 1,296 as in the app's own list, however long it is. (bits) */
const PER_WORD = Math.log2(1_296)
/** What a letter is worth in a word too short to be worth a whole one. (bits) */
const PER_LETTER = Math.log2(26)
const PER_DIGIT = Math.log2(10)
/** One of the signs on a keyboard. (bits) */
const PER_SIGN = Math.log2(32)

export function strengthOf(key: string): KeyStrength {
  // A word that is there twice is guessed once.
  const parts = new Set(key.toLowerCase().match(/\p{L}[\p{L}\p{M}]*|\p{N}+|[^\s\p{L}\p{N}\p{Pd}]/gu))
  const bits = [...parts].reduce((sum, part) => sum + worth(part), 0)
  if (bits >= STRONG) return 'strong'
  return bits >= WEAK ? 'fair' : 'weak'
}

function worth(part: string): number {
  if (/^\p{L}/u.test(part)) return Math.min(PER_WORD, [...part].length * PER_LETTER)
  if (/^\p{N}/u.test(part)) return [...part].length * PER_DIGIT
  return PER_SIGN
}
