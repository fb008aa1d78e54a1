import { expect, test } from 'vitest'
import { outlineOf } from './waveform'

test('a loud column is as high as the box and silence is a line', () => {
  expect(outlineOf('_A')).toEqual({ columns: 2, path: 'M0 0H1L1 0.94H2L2 1.06H1L1 2H0z' })
})

test('letters that are none are drawn as silence and nothing is drawn of nothing', () => {
  expect(outlineOf('?').path).toBe(outlineOf('A').path)
  expect(outlineOf('')).toEqual({ columns: 1, path: '' })
})
