/**
 * Line icons of one weight, drawn in the colour of the text around them. Never the only label.
 * An arrow out of the page points the way the text runs; signs of playing are the same everywhere.
 */
import styles from './Icon.module.css'

const PATHS = {
  add: 'M12 5v14M5 12h14',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  chevron: 'm6 9.5 6 6 6-6',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  home: 'M4 11.5 12 5l8 6.5M6.5 10v9h11v-9',
  invite: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2M20 14v6h-6v-2',
  leave: 'M14 5h5v14h-5M10 8l-4 4 4 4M6 12h9',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  minus: 'M5 12h14',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M12 7.5V12l3 2',
  next: 'M4 6h15M4 11.5h8M4 17h8M15.5 12v8l5.5-4z',
  back: 'M6.5 5v14M18.5 5.5v13L9.5 12z',
  forward: 'M17.5 5v14M5.5 5.5v13l9-6.5z',
  shuffle:
    'M3 7h3.5c5 0 6 10 11 10H21M3 17h3.5c2 0 3.4-1.6 4.6-3.6M13.6 9.6C14.6 8 15.8 7 17.5 7H21M18 4l3 3-3 3M18 14l3 3-3 3',
  handle: 'M8 6h.01M16 6h.01M8 12h.01M16 12h.01M8 18h.01M16 18h.01',
  repeatOne:
    'm16.5 3 3.5 3.5-3.5 3.500M20 6.500H8a4 4 0 0 0-4 4v.5M7.5 21 4 17.5 7.5 14M4 17.500h12a4 4 0 0 0 4-4V13M10.8 10.500l1.7-1v5',
  repeat: 'm16.5 3 3.5 3.5-3.5 3.5M20 6.5H8a4 4 0 0 0-4 4v.5M7.5 21 4 17.5 7.5 14M4 17.5h12a4 4 0 0 0 4-4V13',
  save: 'M12 4v11M7.5 10.5 12 15l4.5-4.5M5 20h14',
  stop: 'M6 6h12v12H6z',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg
      aria-hidden="true"
      width="20"
      height="20"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.9"
      stroke-linecap="round"
      stroke-linejoin="round"
      class={name === 'leave' ? styles['directed'] : undefined}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
