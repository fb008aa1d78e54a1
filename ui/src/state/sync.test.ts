import { expect, test } from 'vitest'
import { createFakeHost } from '../host/fake'
import { leadsRoom, reportOf } from './sync'
import { mainAction, moveTo, shownFile, nextRepeat } from './transport'

const { view } = createFakeHost('locked')
const [own, kitchen] = view.swarm?.members ?? []

test('this device is known at first hand, another by what it said', () => {
  expect(own && reportOf(own, view)).toEqual({
    state: 'locked',
    errorUs: 12,
    uncertaintyUs: 9,
    path: 'lan',
    root: 'c4kitchen',
    ratePpm: 17.5,
    jumps: 0,
  })
  expect(kitchen && reportOf(kitchen, view)).toBe(kitchen?.sync)
})

test('a member of another room leads that one', () => {
  expect(kitchen && leadsRoom(kitchen, { ...view.clock, root: null })).toBe(true)
  expect(own && leadsRoom(own, view.clock)).toBe(false)
  expect(leadsRoom({ userId: 'x', sync: null }, { ...view.clock, root: 'x' })).toBe(true)
})

test('the large button does what the state leaves to do', () => {
  expect((['stopped', 'waiting', 'armed', 'playing', 'paused', 'ended', 'failed'] as const).map(mainAction)).toEqual([
    'play',
    'pause',
    'pause',
    'pause',
    'resume',
    'play',
    'play',
  ])
})

test('a paused song stays in the player whatever is chosen meanwhile', () => {
  const other = view.files[1]?.fileId ?? ''
  expect(shownFile(view.files, { ...view.playback, state: 'paused' }, other)).toBe(view.files[0])
  expect(shownFile(view.files, { ...view.playback, state: 'ended' }, other)).toBe(view.files[1])
})

test('a song on air is moved, one that is over is played anew', () => {
  expect(moveTo({ ...view.playback, state: 'paused' }, 'f', 5)).toEqual({ type: 'seek', positionMs: 5 })
  expect(moveTo({ ...view.playback, state: 'ended' }, 'f', 5)).toEqual({ type: 'play', fileId: 'f', positionMs: 5 })
})

test('pressing again and again leads through all ways to repeat', () => {
  expect((['off', 'all', 'one'] as const).map(nextRepeat)).toEqual(['all', 'one', 'off'])
})
