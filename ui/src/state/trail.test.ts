import { describe, expect, test } from 'vitest'
import { createFakeHost } from '../host/fake'
import { createParty } from './party'
import { createTrail, figuresOf, outlinesOf, scaleOf } from './trail'
import type { Sample } from './trail'

describe('a minute of errors', () => {
  test('is kept, and nothing older', () => {
    let now = 0
    const trail = createTrail(() => now)
    const { view } = createFakeHost('locked')
    for (now = 0; now <= 90_000; now += 500) trail.note(view)
    expect(trail.samples.value[0]?.at).toBe(30_000)
    expect(trail.samples.value.at(-1)).toEqual({ at: 90_000, errorUs: 12, uncertaintyUs: 9 })
  })

  test('stays bounded however often views come', () => {
    let now = 0
    const trail = createTrail(() => now)
    const { view } = createFakeHost('locked')
    for (now = 0; now < 5_000; now += 1) trail.note(view)
    expect(trail.samples.value).toHaveLength(1_200)
    expect(trail.samples.value.at(-1)?.at).toBe(4_999)
  })

  test('grows only while something is measured, and ends with the party', () => {
    const trail = createTrail(() => 1)
    const { view } = createFakeHost('locked')
    trail.note({ ...view, playback: { ...view.playback, state: 'paused' } })
    trail.note({ ...view, playback: { ...view.playback, errorUs: null } })
    expect(trail.samples.value).toEqual([])
    trail.note(view)
    expect(trail.samples.value).toHaveLength(1)
    trail.note({ ...view, swarm: null })
    expect(trail.samples.value).toEqual([])
  })

  test('takes no sample from a view that says nothing new of the song', () => {
    const host = createFakeHost('locked')
    const party = createParty(host, () => 1)
    host.subscribe((event) => party.handleEvent(event))
    host.change({ selection: null })
    expect(party.trail.samples.value).toHaveLength(1)
    host.change({ playback: { ...host.view.playback, errorUs: -3 } })
    expect(party.trail.samples.value.map(({ errorUs }) => errorUs)).toEqual([12, -3])
  })
})

test('the figures are the nearest ranks of the sizes, and the last with its sign', () => {
  const samples = Array.from({ length: 100 }, (_, index) => sample(index, index % 2 === 0 ? index + 1 : -index - 1))
  expect(figuresOf(samples)).toEqual({ last: -100, median: 50, p95: 95, largest: 100 })
  expect(figuresOf([sample(0, -7)])).toEqual({ last: -7, median: 7, p95: 7, largest: 7 })
  expect(figuresOf([])).toBeNull()
})

test('the scale is the smallest step that holds every error and its doubt', () => {
  expect([
    scaleOf([]),
    scaleOf([sample(0, -25)]),
    scaleOf([sample(0, 20, 6)]),
    scaleOf([sample(0, 3), sample(1, -101)]),
    scaleOf([sample(0, 501)]),
    scaleOf([sample(0, 90_000)]),
  ]).toEqual([25, 25, 100, 500, 5_000, 5_000])
})

describe('the outlines', () => {
  const canvas = { width: 600, height: 100 }

  test('put now at the right, a minute ago at the left, and late above', () => {
    const { line } = outlinesOf([sample(0, 0), sample(1_000, 50), sample(2_000, -50)], 60_000, 100, canvas)
    expect(line).toBe('M0.0 50.0L10.0 25.0L20.0 75.0')
  })

  test('stay on the canvas', () => {
    const { line, band } = outlinesOf([sample(0, 9_000, 10)], 0, 25, canvas)
    expect(line).toBe('M600.0 0.0')
    expect(band).toBe('M600.0 0.0L600.0 0.0Z')
  })

  test('have a band as wide as the doubt', () => {
    const { band } = outlinesOf([sample(0, 0, 20), sample(1_000, 0, 40)], 1_000, 100, canvas)
    expect(band).toBe('M590.0 40.0L600.0 30.0L600.0 70.0L590.0 60.0Z')
  })

  test('are broken where nothing was measured', () => {
    const { line } = outlinesOf([sample(0, 0), sample(2_000, 0), sample(4_001, 0)], 4_001, 100, canvas)
    expect(line.match(/M/g)).toHaveLength(2)
  })
})

function sample(at: number, errorUs: number, uncertaintyUs: number | null = null): Sample {
  return { at, errorUs, uncertaintyUs }
}
