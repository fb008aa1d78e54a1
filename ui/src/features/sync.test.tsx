// @vitest-environment happy-dom
/** How people see that they are in sync: each device, the plot, the trace. */
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import type { Scene } from '../host/scene'
import { createParty } from '../state/party'
import { App } from './App'

let host: FakeHost

beforeEach(() => void vi.useFakeTimers())

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a device', () => {
  test('says its state in a word and its error in figures', () => {
    show('locked')
    const own = device('Blue Otter')
    expect(own.getByText('Locked')).toBeTruthy()
    expect(own.getByText('+12 µs ± 9 µs')).toBeTruthy()
    expect(own.getByText('12 microseconds late, give or take 9 microseconds,')).toBeTruthy()
    expect(own.getByText('measured')).toBeTruthy()
    expect(own.getByText('LAN · sound card +17.5 ppm')).toBeTruthy()
  })

  test('says how often its song was moved only when it was', () => {
    show('locked')
    expect(device('Leo’s phone').getByText('LAN · sound card +4.4 ppm · 1 jump')).toBeTruthy()
    expect(device('Kitchen').queryByText(/jump/)).toBeNull()
  })

  test('is told apart by whether it measures or estimates', () => {
    show('party')
    expect(device('Kitchen').getByText('± 9 µs')).toBeTruthy()
    expect(device('Kitchen').getByText('estimated')).toBeTruthy()
    expect(screen.queryByText('measured')).toBeNull()
  })

  test('is not known before it has spoken', () => {
    show('party')
    expect(device('Leo’s phone').getByText('Not known yet')).toBeTruthy()
    expect(device('Leo’s phone').queryByText(/LAN|Relay/)).toBeNull()
  })

  test('leads the room by its clock, and one alone does', () => {
    show('locked')
    expect(device('Kitchen').getByText('Room clock')).toBeTruthy()
    expect(screen.getAllByText('Room clock')).toHaveLength(1)
  })

  test('far from all others is coarse, in milliseconds', () => {
    show('far')
    const own = device('Blue Otter')
    expect(own.getByText('Coarse')).toBeTruthy()
    expect(own.getByText('+640 µs ± 1.2 ms')).toBeTruthy()
    expect(own.getByText('Relay · sound card +17.5 ppm · 2 jumps')).toBeTruthy()
    expect(screen.queryByText('Room clock')).toBeNull()
  })

  test('without the time says so', () => {
    show('unsynced')
    expect(device('Blue Otter').getByText('Unsynced')).toBeTruthy()
    expect(screen.getByText('Setting the clock…')).toBeTruthy()
  })
})

describe('the panel of this device', () => {
  test('says calmly that two ways of learning the time disagree', () => {
    show('asymmetric')
    expect(panel().getByText(/^Two ways of learning the time disagree by 1\.3 ms\. .*room’s own time/)).toBeTruthy()
    cleanup()
    show('locked')
    expect(panel().queryByText(/disagree/)).toBeNull()
  })

  test('has a table that says what the plot shows', () => {
    show('locked')
    for (const errorUs of [-20, 4, 6]) measure(errorUs)
    act(() => void vi.advanceTimersByTime(250))
    const table = within(panel().getByRole('table', { name: 'Distance from its place, last minute' }))
    expect(table.getAllByRole('columnheader').map((cell) => cell.textContent)).toEqual([
      'Last',
      'Half below',
      '95% below',
      'Largest',
    ])
    expect(table.getAllByRole('cell').map((cell) => cell.textContent)).toEqual(['+6 µs', '6 µs', '20 µs', '20 µs'])
  })

  test('draws four times a second however many views come', () => {
    show('locked')
    act(() => void vi.advanceTimersByTime(250))
    const before = panel().getByRole('table').textContent
    for (let views = 0; views < 12; views += 1) measure(90 + views, 20)
    expect(panel().getByRole('table').textContent).toBe(before)
    act(() => void vi.advanceTimersByTime(10))
    expect(panel().getByRole('table').textContent).toContain('101 µs')
  })

  test('draws nothing while the page is hidden, and catches up', () => {
    show('locked')
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
    act(() => void document.dispatchEvent(new Event('visibilitychange')))
    const before = panel().getByRole('table').textContent
    measure(222)
    act(() => void vi.advanceTimersByTime(10_000))
    expect(panel().getByRole('table').textContent).toBe(before)
    hidden.mockReturnValue(false)
    act(() => void document.dispatchEvent(new Event('visibilitychange')))
    expect(panel().getByRole('table').textContent).toContain('222 µs')
  })

  test('draws more calmly for those who asked for less motion', () => {
    const { matchMedia } = globalThis
    vi.spyOn(globalThis, 'matchMedia').mockImplementation((query) =>
      Object.defineProperty(matchMedia(query), 'matches', { value: query === '(prefers-reduced-motion: reduce)' }),
    )
    show('locked')
    measure(222)
    act(() => void vi.advanceTimersByTime(1_900))
    expect(panel().getByRole('table').textContent).not.toContain('222 µs')
    act(() => void vi.advanceTimersByTime(200))
    expect(panel().getByRole('table').textContent).toContain('222 µs')
  })

  test('waits for music before it draws', () => {
    show('party')
    expect(panel().getByText('The plot begins when music plays here.')).toBeTruthy()
    expect(panel().queryByRole('table')).toBeNull()
  })

  test('saves a trace, says what is in it, and then where it is', () => {
    show('locked')
    const save = panel().getByRole('button', { name: 'Save trace' })
    const hint = document.querySelector(`[id="${save.getAttribute('aria-describedby')}"]`)
    expect(hint?.textContent).toContain('time stamps only: no names, no keys, no music')
    expect(panel().queryByText(/traces/)).toBeNull()
    fireEvent.click(save)
    expect(host.intents).toEqual([{ type: 'saveTrace' }])
    expect(panel().getByText(/traces\/.*\.jsonl$/)).toBeTruthy()
  })
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => performance.now())
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

/** A view with a new error comes after a while. (microseconds, milliseconds) */
function measure(errorUs: number, after = 1): void {
  act(() => {
    vi.advanceTimersByTime(after)
    host.change({ playback: { ...host.view.playback, errorUs } })
  })
}

function panel(): ReturnType<typeof within> {
  return within(screen.getByRole('region', { name: 'Sync of this device' }))
}

function device(name: string): ReturnType<typeof within> {
  const devices = within(screen.getByRole('region', { name: 'Devices' }))
  const row = devices.getByText(name).closest('li')
  if (!row) throw new Error(`${name} is no list item`)
  return within(row)
}
