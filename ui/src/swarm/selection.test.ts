import { expect, test } from 'vitest'
import { sameSelection, selectionOf } from './selection'

test('urgent ranges come first, then everything', () => {
  expect(
    selectionOf(
      {
        complete: false,
        urgent: [
          [12, 14],
          [7, 8],
        ],
      },
      20,
    ),
  ).toEqual([
    [12, 14],
    [7, 8],
    [0, 19],
  ])
})

test('nothing is fetched of a file that is whole', () => {
  expect(selectionOf({ complete: true, urgent: [[0, 3]] }, 20)).toEqual([])
})

test('ranges beyond the end are cut or left out', () => {
  expect(
    selectionOf(
      {
        complete: false,
        urgent: [
          [18, 40],
          [20, 21],
          [5, 4],
        ],
      },
      20,
    ),
  ).toEqual([
    [18, 19],
    [0, 19],
  ])
})

test('the same ranges in another order are another selection', () => {
  expect(
    sameSelection(
      [
        [0, 1],
        [2, 3],
      ],
      [
        [0, 1],
        [2, 3],
      ],
    ),
  ).toBe(true)
  expect(
    sameSelection(
      [
        [0, 1],
        [2, 3],
      ],
      [
        [2, 3],
        [0, 1],
      ],
    ),
  ).toBe(false)
  expect(
    sameSelection(
      [[0, 1]],
      [
        [0, 1],
        [2, 3],
      ],
    ),
  ).toBe(false)
})
