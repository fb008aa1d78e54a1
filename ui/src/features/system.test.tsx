// @vitest-environment happy-dom
/** Silence on request, looking whether everything works, and what is said outside of the window. */
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import type { Scene } from '../host/scene'
import { createParty } from '../state/party'
import { App } from './App'

let host: FakeHost

afterEach(cleanup)

test('a device is muted, says so, and is heard again', () => {
  show('party')
  press('Mute this device')
  const banner = screen.getByRole('region', { name: 'This device is muted' })
  expect(screen.queryByRole('button', { name: 'Mute this device' })).toBeNull()
  fireEvent.click(within(banner).getByRole('button', { name: 'Let this device be heard' }))
  expect(host.intents).toEqual([
    { type: 'setMuted', muted: true },
    { type: 'setMuted', muted: false },
  ])
  expect(screen.queryByRole('region', { name: 'This device is muted' })).toBeNull()
})

test('a pulled plug is told at once, with the way to be heard by what there is', () => {
  show('unplugged')
  expect(screen.getByRole('alert').textContent).toContain('so that the speaker doesn’t surprise you')
  expect(screen.getByRole('option', { name: 'headphones (not connected)' })).toHaveProperty('selected', true)
  press('Use Built-in speakers')
  expect(host.intents).toEqual([{ type: 'setMuted', muted: false }])
})

test('each thing that does not work is told with what to do about it', () => {
  show('crowd')
  press('Settings')
  press('Connection check')
  expect(host.intents).toEqual([{ type: 'checkConnection' }])
  const sound = item('Sound')
  expect(within(sound).getByText('Does not work')).toBeTruthy()
  expect(within(sound).getByText(/choose another output/)).toBeTruthy()
  expect(within(sound).getByText('no sound device')).toBeTruthy()
  expect(within(item('Fast time signals')).getByText(/Allow UDP/)).toBeTruthy()
  expect(within(item('Sending songs to each other')).getByText(/web view/)).toBeTruthy()
  expect(item('Finding devices on this network').textContent).toBe('Finding devices on this networkWorks')
  press('Check again')
  expect(host.intents).toHaveLength(2)
})

test('the report is saved by the core, and a failure is told', async () => {
  show('party')
  press('Settings')
  press('Connection check')
  press('Save party report')
  expect(await screen.findByText('The report was saved.')).toBeTruthy()
  host.saveReport = () => Promise.reject(new Error('disk full'))
  press('Save party report')
  expect(await screen.findByText('The report could not be saved. Try another folder.')).toBeTruthy()
})

test('the icon beside the clock offers the director the song, and a guest only this device', () => {
  show('party')
  expect(actions()).toEqual(['show', 'playPause', 'mute', 'leave', 'quit'])
  expect(label('playPause')).toBe('Play for everyone')
  press('Play on every device')
  act(() => host.advance(1))
  expect(label('playPause')).toBe('Pause for everyone')
  press('Mute this device')
  expect(label('unmute')).toBe('Let this device be heard')
  cleanup()
  show('guest')
  expect(actions()).toEqual(['show', 'mute', 'leave', 'quit'])
  press('Leave')
  expect(actions()).toEqual(['show', 'quit'])
})

test('the menu is sent when it changes, and not with every view', () => {
  show('party')
  const sent = vi.fn<NonNullable<FakeHost['setTray']>>(() => Promise.resolve())
  host.setTray = sent
  act(() => host.advance(250))
  act(() => host.change({ clock: { ...host.view.clock, uncertaintyUs: 50 } }))
  expect(sent).not.toHaveBeenCalled()
  press('Hand over')
  expect(sent).toHaveBeenCalledTimes(1)
})

test('who looks elsewhere is told of direction and of songs, and of nothing that happened before', () => {
  show('party')
  expect(host.notifications).toEqual([])
  press('Hand over')
  expect(host.notifications).toEqual([])
  press('Take control')
  const line = { number: 90, level: 'info', notice: { code: 'file-complete', detail: 'Upstream.flac' } } as const
  act(() => host.change({ log: [...host.view.log, line] }))
  expect(host.notifications).toEqual(['You are directing now: You control playback now.', 'Song ready: Upstream.flac'])
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => 0)
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

function press(name: string): void {
  const [button] = screen.getAllByRole('button', { name, hidden: true })
  if (!button) throw new Error(`no button ${name}`)
  fireEvent.click(button)
}

function item(name: string): HTMLElement {
  const found = screen.getByText(name).closest('li')
  if (!found) throw new Error(`${name} is in no list`)
  return found
}

function actions(): string[] {
  return host.tray.map(({ action }) => action)
}

function label(action: string): string | undefined {
  return host.tray.find((line) => line.action === action)?.label
}
