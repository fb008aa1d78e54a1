/** A mark for a device: its own arrangement of bars, the same on every screen. Decoration. */
import styles from './Avatar.module.css'

export function Avatar({ id }: { readonly id: string }) {
  const heights = barsOf(id)
  return (
    <svg class={styles['avatar']} aria-hidden="true" viewBox="0 0 32 32" stroke-width="3" stroke-linecap="round">
      <path d={heights.map((height, index) => `M${8 + index * 5.3} ${16 - height}v${height * 2}`).join('')} />
    </svg>
  )
}

/** Four half heights from 2 to 9 that depend on the whole of `id`. */
function barsOf(id: string): number[] {
  let state = 2_166_136_261
  for (const character of id) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16_777_619)
  return [0, 1, 2, 3].map((index) => 2 + ((state >>> (index * 7)) & 7))
}
