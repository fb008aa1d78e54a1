import { expect, test } from 'vitest'
import { strengthOf } from './key-strength'

test('a key of the app’s own words is strong', () => {
  expect(strengthOf('acid acorn acre cake dash elbow flint')).toBe('strong')
  expect(strengthOf('Acid-Acorn-Acre-Cake-Dash-Elbow-Flint')).toBe('strong')
})

test.each(['', 'k', 'party', 'green river 42', 'mia mia mia mia mia mia mia', 'Donaudampfschifffahrt', '12345678'])(
  'what people think of first is weak, however long it is: %s',
  (key) => {
    expect(strengthOf(key)).toBe('weak')
  },
)

test('five words of one’s own are fair', () => {
  expect(strengthOf('otters dance behind seven curtains')).toBe('fair')
})

test('words of every script count alike', () => {
  expect(strengthOf('موسيقى ليل نهر قمر باب بحر شمس')).toBe('strong')
  expect(strengthOf('река')).toBe('weak')
})
