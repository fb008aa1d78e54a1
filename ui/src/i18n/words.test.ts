import { expect, test } from 'vitest'
import { en } from './en'
import { byteSize, clockTime, plusMinus, spokenTime } from './format'
import { readyText, shareText } from './sentences'

const { notices } = en

test.each(Object.entries(notices))('the sentence for %s is whole and polite', (_code, sentence) => {
  expect(sentence).toMatch(/^[A-Z].*\.$/)
  expect(sentence).not.toMatch(/oops|error|invalid|illegal/i)
})

test('no two notices say the same', () => {
  expect(new Set(Object.values(notices)).size).toBe(Object.values(notices).length)
})

test('faults that could stop the music say whether it goes on', () => {
  for (const code of [
    'relay-lost',
    'member-left',
    'director-changed',
    'disk-full',
    'storage-fault',
    'window-fault',
  ] as const) {
    expect(notices[code]).toMatch(/goes on|keeps playing/)
  }
})

test('readiness is said for one device, two and many', () => {
  expect([readyText(1, 1), readyText(0, 1), readyText(2, 2), readyText(5, 5), readyText(4, 5)]).toEqual([
    'Ready here',
    'Not here yet',
    'Ready on both',
    'Ready on all 5',
    'Ready on 4 of 5',
  ])
  expect(shareText({ userId: 'a', held: 0.62, state: 'part' }, 62)).toBe('62%')
})

test('times, sizes and spreads read as people say them', () => {
  expect([0, 59_999, 60_000, 3_727_000].map(clockTime)).toEqual(['0:00', '0:59', '1:00', '1:02:07'])
  expect(spokenTime(61_000)).toBe('1 minute 1 second')
  expect([999, 1_000, 8_412_310, 412_004_112, 4_294_967_296].map(byteSize)).toEqual([
    '1.0 kB',
    '1.0 kB',
    '8.4 MB',
    '412 MB',
    '4.3 GB',
  ])
  expect([84, 999.6, 2_400, 12_000].map(plusMinus)).toEqual(['±84 µs', '±1.0 ms', '±2.4 ms', '±12 ms'])
})
