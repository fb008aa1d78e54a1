// @vitest-environment happy-dom
/** Moving the song on every device, as the director does it. */
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import type { Scene } from '../host/scene'
import { createParty } from '../state/party'
import { App } from './App'

let host: FakeHost

beforeEach(() => void vi.useFakeTimers())

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

test('arrow keys pressed in a row move every device once', () => {
  show('locked')
  const slider = screen.getByRole('slider', { name: 'Position' })
  for (let presses = 0; presses < 3; presses += 1) {
    fireEvent.keyDown(slider, { key: 'ArrowRight' })
    act(() => void vi.advanceTimersByTime(200))
  }
  expect(slider.getAttribute('aria-valuetext')).toBe('1 minute 27 seconds of 3 minutes 42 seconds')
  expect(host.intents).toEqual([])
  act(() => void vi.advanceTimersByTime(100))
  expect(host.intents).toEqual([{ type: 'seek', positionMs: 87_000 }])
  fireEvent.keyDown(slider, { key: 'ArrowLeft' })
  act(() => void vi.advanceTimersByTime(300))
  expect(host.intents.at(-1)).toEqual({ type: 'seek', positionMs: 82_000 })
})

test.each([
  ['Home', 0],
  ['End', 222_400],
  ['PageUp', 102_000],
  ['PageDown', 42_000],
])('the key %s leads to %i ms', (key, positionMs) => {
  show('locked')
  fireEvent.keyDown(screen.getByRole('slider', { name: 'Position' }), { key })
  act(() => void vi.advanceTimersByTime(300))
  expect(host.intents).toEqual([{ type: 'seek', positionMs }])
})

test('a tap swaps what is left of the song and its length', () => {
  show('locked')
  const end = screen.getByRole('button', { name: '−2:30' })
  fireEvent.click(end)
  expect(end.textContent).toBe('3:42')
  fireEvent.click(end)
  expect(end.textContent).toBe('−2:30')
})

test('what is not here is said with the place and hidden from nobody by a picture', () => {
  show('locked')
  const files = host.view.files.map((file) => ({ ...file, missing: [[100, 200] satisfies [number, number]] }))
  act(() => host.change({ files }))
  const slider = screen.getByRole('slider', { name: 'Position' })
  expect(slider.getAttribute('aria-valuetext')).toBe(
    '1 minute 12 seconds of 3 minutes 42 seconds, 75% of the song is here',
  )
  expect(slider.previousElementSibling?.getAttribute('aria-hidden')).toBe('true')
})

test('a wished place is shown until the core answers, and not for ever', () => {
  show('locked')
  const slider = screen.getByRole('slider', { name: 'Position' })
  vi.spyOn(host, 'sendIntent').mockResolvedValue()
  fireEvent.change(slider, { target: { value: '10000' } })
  expect(slider).toHaveProperty('value', '10000')
  act(() => void vi.advanceTimersByTime(1_000))
  expect(slider, 'the song went on where it was').toHaveProperty('value', '73000')
})

test('a place that someone else chose is shown at once', () => {
  show('paused')
  const slider = screen.getByRole('slider', { name: 'Position' })
  vi.spyOn(host, 'sendIntent').mockResolvedValue()
  fireEvent.change(slider, { target: { value: '10000' } })
  const { playback } = host.view
  const onAir = playback.onAir && { ...playback.onAir, globalStartTimeMs: 1 }
  act(() => host.change({ playback: { ...playback, onAir, positionMs: 50_000 } }))
  act(() => void vi.advanceTimersByTime(0))
  expect(slider).toHaveProperty('value', '50000')
})

test('a wish about a song that is over meanwhile moves no other song', () => {
  show('paused')
  fireEvent.keyDown(screen.getByRole('slider', { name: 'Position' }), { key: 'Home' })
  const [next] = host.view.playback.upcoming
  act(() => host.change({ playback: { ...host.view.playback, onAir: next ?? null } }))
  act(() => void vi.advanceTimersByTime(300))
  expect(host.intents).toEqual([])
})

test('one button leads through all songs and this song back to no repeat', () => {
  show('locked')
  for (const [name, mode, then] of [
    ['Repeat: off', 'all', 'Repeat: all songs'],
    ['Repeat: all songs', 'one', 'Repeat: this song'],
    ['Repeat: this song', 'off', 'Repeat: off'],
  ] as const) {
    fireEvent.click(button(name))
    expect(host.intents.at(-1)).toEqual({ type: 'setRepeatMode', mode })
    expect(button(then).getAttribute('aria-pressed')).toBe(String(mode !== 'off'))
  }
})

test('songs follow each other in the order of the list, drawn by chance or not', () => {
  show('locked')
  expect(titles()).toEqual(['Upstream', 'Night Train to Brno', 'Paper Lanterns'])
  act(() => host.advance(222_400))
  expect(player().getByText('Night Train to Brno')).toBeTruthy()
  fireEvent.click(button('Shuffle'))
  expect(host.intents.at(-1)).toEqual({ type: 'setShuffle', on: true })
  expect(titles()).toEqual(['Night Train to Brno', 'Paper Lanterns', 'Upstream'])
  fireEvent.click(button('Next song'))
  expect(player().getByText('Paper Lanterns')).toBeTruthy()
  fireEvent.click(button('Previous song'))
  expect(player().getByText('Night Train to Brno')).toBeTruthy()
  expect(host.intents.slice(-2)).toEqual([{ type: 'skipForward' }, { type: 'skipBack' }])
  fireEvent.click(button('Shuffle'))
  expect(host.intents.at(-1)).toEqual({ type: 'setShuffle', on: false })
})

test('a song is played next, and the player says so', () => {
  show('locked')
  expect(screen.queryByRole('button', { name: 'Play Upstream next' })).toBeNull()
  fireEvent.click(button('Play Paper Lanterns next'))
  expect(host.intents).toEqual([{ type: 'playNext', fileId: host.view.files[2]?.fileId }])
  expect(player().getByText('Next: Paper Lanterns')).toBeTruthy()
  fireEvent.click(button('Play Night Train to Brno next'))
  expect(player().getByText('Next: Night Train to Brno, then 1 more')).toBeTruthy()
  act(() => host.advance(222_400))
  expect(player().getByText('Night Train to Brno')).toBeTruthy()
  expect(player().getByText('Next: Paper Lanterns')).toBeTruthy()
})

test('nothing can be played next while nothing plays', () => {
  show('party')
  expect(screen.queryByRole('button', { name: /next$/ })).toBeNull()
})

test('a song that stands still keeps its place and can be moved', () => {
  show('paused')
  const slider = screen.getByRole('slider', { name: 'Position' })
  act(() => {
    vi.advanceTimersByTime(5_000)
    host.advance(5_000)
  })
  expect(slider).toHaveProperty('value', '72000')
  fireEvent.change(slider, { target: { value: '9000' } })
  expect(host.view.playback).toMatchObject({ state: 'paused', positionMs: 9_000 })
  fireEvent.click(button('Go on playing on every device'))
  act(() => host.advance(1))
  expect(host.view.playback.state).toBe('playing')
})

test('a song that has ended is played again from where the slider is put', () => {
  show('locked')
  act(() => host.change({ playback: { ...host.view.playback, state: 'ended' } }))
  fireEvent.change(screen.getByRole('slider', { name: 'Position' }), { target: { value: '5000' } })
  expect(host.intents).toEqual([{ type: 'play', fileId: host.view.files[0]?.fileId, positionMs: 5_000 }])
})

test('a device that cannot play the song still stops it on the others', () => {
  show('locked')
  act(() => host.change({ playback: { ...host.view.playback, state: 'failed' } }))
  fireEvent.click(button('Stop on every device'))
  expect(host.intents).toEqual([{ type: 'stop' }])
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => performance.now())
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

function button(name: string): HTMLElement {
  return screen.getByRole('button', { name })
}

function titles(): string[] {
  return screen.getAllByRole('button', { name: /^Choose / }).map((row) => row.querySelector('bdi')?.textContent ?? '')
}

function player(): ReturnType<typeof within> {
  return within(screen.getByRole('region', { name: 'Player' }))
}
