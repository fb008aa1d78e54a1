import { beforeEach, expect, test } from 'vitest'
import type { TransferTask } from '../protocol/generated/TransferTask'
import { createRoster, NOTICE_COMPLETE_AFTER } from './roster'
import type { Roster } from './roster'

const SONG = 'a'.repeat(40)
const whole = (): boolean => true
const partly = (): boolean => false

let roster: Roster

beforeEach(() => {
  roster = createRoster(() => 0)
})

test('what is listed is added once, and told of changes afterwards', () => {
  roster.handleTasks([task()], 0)
  expect(roster.drain()).toEqual([{ do: 'add', task: task() }])
  const urgent = task({ urgent: [[3, 4]] })
  roster.handleTasks([urgent], 1)
  expect(roster.drain()).toEqual([{ do: 'update', task: urgent }])
})

test('what is listed no longer ends', () => {
  roster.handleTasks([task()], 0)
  roster.drain()
  roster.handleTasks([], 1)
  expect(roster.drain()).toEqual([{ do: 'remove', infoHash: SONG }])
})

test('a torrent that failed is added again, later each time', () => {
  roster.handleTasks([task()], 0)
  roster.drain()
  roster.handleFailed(SONG, 0)
  roster.handleTimeout(499, partly)
  roster.handleTasks([task()], 499)
  expect(roster.drain()).toEqual([])
  roster.handleTimeout(500, partly)
  expect(roster.drain()).toEqual([{ do: 'add', task: task() }])

  roster.handleFailed(SONG, 500)
  roster.handleTimeout(1_499, partly)
  expect(roster.drain()).toEqual([])
  roster.handleTimeout(1_500, partly)
  expect(roster.drain()).toEqual([{ do: 'add', task: task() }])
})

test('progress forgives earlier failures', () => {
  roster.handleTasks([task()], 0)
  for (let failure = 0; failure < 5; failure += 1) {
    roster.handleFailed(SONG, failure * 100_000)
    roster.handleTimeout(failure * 100_000 + 60_000, partly)
  }
  roster.drain()
  roster.handleProgress(SONG)
  roster.handleFailed(SONG, 900_000)
  roster.handleTimeout(900_500, partly)
  expect(roster.drain()).toHaveLength(1)
})

test('a torrent that failed and is listed no longer stays away', () => {
  roster.handleTasks([task()], 0)
  roster.handleFailed(SONG, 0)
  roster.handleTasks([], 1)
  roster.drain()
  roster.handleTimeout(100_000, partly)
  expect(roster.drain()).toEqual([])
})

test('other trackers need a new start', () => {
  roster.handleTasks([task()], 0)
  roster.drain()
  const announced = task({ trackers: ['wss://tracker.example'] })
  roster.handleTasks([announced], 1)
  expect(roster.drain()).toEqual([
    { do: 'remove', infoHash: SONG },
    { do: 'add', task: announced },
  ])
})

test('a file that lost its data is started over', () => {
  roster.handleTasks([task({ complete: true })], 0)
  roster.drain()
  roster.handleTasks([task()], 1)
  expect(roster.drain()).toEqual([
    { do: 'remove', infoHash: SONG },
    { do: 'add', task: task() },
  ])
})

test('a file that got whole by other means is noticed', () => {
  roster.handleTasks([task()], 0)
  roster.drain()
  roster.handleTasks([task({ complete: true })], 1)
  roster.drain()
  roster.handleTimeout(10, partly)
  roster.handleTimeout(10 + NOTICE_COMPLETE_AFTER - 1, partly)
  expect(roster.drain()).toEqual([])
  roster.handleTimeout(10 + NOTICE_COMPLETE_AFTER, partly)
  expect(roster.drain()).toEqual([
    { do: 'remove', infoHash: SONG },
    { do: 'add', task: task({ complete: true }) },
  ])
})

test('a file that got whole by WebTorrent is left alone', () => {
  roster.handleTasks([task()], 0)
  roster.handleTasks([task({ complete: true })], 1)
  roster.drain()
  for (let now = 0; now < 20_000; now += 1_000) roster.handleTimeout(now, whole)
  expect(roster.drain()).toEqual([])
})

function task(parts: Partial<TransferTask> = {}): TransferTask {
  return {
    infoHash: SONG,
    fileId: 'f'.repeat(64),
    size: 1_000_000,
    hasMetainfo: true,
    complete: false,
    connectTo: [],
    urgent: [],
    trackers: [],
    ...parts,
  }
}
