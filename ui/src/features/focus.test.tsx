// @vitest-environment happy-dom
/** Whoever goes by keyboard stays where they were when things come and go. */
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

test('when a song is removed the focus goes to the one after it', async () => {
  show('party')
  await pressed('Stop sharing Upstream')
  expect(document.activeElement).toBe(button(/^Choose Night Train to Brno/))
})

test('when the last song of the list is removed the focus goes to the one before it', async () => {
  show('party')
  await pressed('Forget Paper Lanterns')
  expect(document.activeElement).toBe(button(/^Choose Night Train to Brno/))
})

test('a button that goes away leaves the focus beside it', async () => {
  show('locked')
  await pressed('Play Paper Lanterns next')
  const row = screen.getByText('Paper Lanterns', { selector: 'li bdi' }).closest('li')
  expect(row?.contains(document.activeElement)).toBe(true)
})

test('taking control from the player leaves the focus in the player', async () => {
  show('guest')
  const player = screen.getByRole('region', { name: 'Player' })
  const take = within(player).getByRole('button', { name: 'Take control' })
  take.focus()
  await act(() => void fireEvent.click(take))
  expect(take.isConnected).toBe(false)
  expect(player.contains(document.activeElement)).toBe(true)
})

test('a button that can do nothing more keeps the focus and says so', async () => {
  show('party')
  act(() => host.change({ settings: { ...host.view.settings, speakerDelayMs: 5 } }))
  await pressed('5 ms less delay')
  expect(document.activeElement).toBe(button('5 ms less delay'))
  expect(document.activeElement?.getAttribute('aria-disabled')).toBe('true')
  const before = host.intents.length
  await pressed('5 ms less delay')
  expect(host.intents).toHaveLength(before)
})

test('a form whose button can do nothing is not sent by it', () => {
  show('party')
  fireEvent.click(button('Settings'))
  const [save] = screen.getAllByRole('button', { name: 'Save' })
  expect(save?.getAttribute('aria-disabled')).toBe('true')
  if (save) fireEvent.click(save)
  expect(host.intents).toEqual([])
})

test('what the music does is said once, when it lasts', () => {
  show('party')
  const said = (): string =>
    screen
      .getAllByRole('status')
      .map((region) => region.textContent ?? '')
      .join('')
  fireEvent.click(button('Play on every device'))
  act(() => host.advance(1))
  act(() => void vi.advanceTimersByTime(1_000))
  expect(said()).toBe('')
  act(() => host.advance(500))
  act(() => void vi.advanceTimersByTime(1_000))
  expect(said()).toContain('Playing: Upstream.')
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => performance.now())
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

function button(name: string | RegExp): HTMLElement {
  return screen.getByRole('button', { name })
}

async function pressed(name: string): Promise<void> {
  const found = button(name)
  found.focus()
  await act(() => void fireEvent.click(found))
}
