// @vitest-environment happy-dom
/** The screens, found as people find them: by what things are and what they are called. */
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import type { Scene } from '../host/scene'
import { createParty } from '../state/party'
import { App } from './App'
import { RelayPage } from './RelayPage'

let host: FakeHost

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

describe('the room', () => {
  test('leaving goes back to the way in', () => {
    show('party')
    press('Leave')
    expect(screen.getByRole('button', { name: 'Start a party here' })).toBeTruthy()
  })

  test('the play button tells what it will do', () => {
    show('party')
    press('Play on every device')
    expect(host.intents).toEqual([{ type: 'play', fileId: null, positionMs: 0 }])
    press('Pause on every device')
    expect(host.intents.at(-1)).toEqual({ type: 'pause' })
    expect(screen.getByText(/^Paused/)).toBeTruthy()
    press('Go on playing on every device')
    expect(host.intents.at(-1)).toEqual({ type: 'resume' })
    press('Stop on every device')
    expect(host.intents.at(-1)).toEqual({ type: 'stop' })
    expect(screen.getByRole('button', { name: 'Play on every device' })).toBeTruthy()
  })

  test('the director chooses a song, and the choice can be heard', () => {
    show('party')
    press(/^Choose Night Train to Brno/)
    expect(host.intents).toEqual([{ type: 'selectFile', fileId: host.view.files[1]?.fileId }])
    expect(button(/^Choose Night Train to Brno/).getAttribute('aria-pressed')).toBe('true')
    expect(button(/^Choose Upstream/).getAttribute('aria-pressed')).toBe('false')
  })

  test('a guest sees who controls playback and can take control', () => {
    show('guest')
    expect(screen.queryByRole('button', { name: /^Choose/ })).toBeNull()
    const player = within(screen.getByRole('region', { name: 'Player' }))
    const reason = player.getByText('Kitchen controls playback')
    for (const name of ['Pause on every device', 'Repeat: off', 'Play Paper Lanterns next']) {
      expect(button(name).getAttribute('aria-disabled')).toBe('true')
      expect(button(name).getAttribute('aria-describedby')).toBe(reason.id)
    }
    expect(screen.queryByRole('slider', { name: 'Position' })).toBeNull()
    fireEvent.click(player.getByRole('button', { name: 'Take control' }))
    expect(host.intents).toEqual([{ type: 'takeDirector' }])
    expect(screen.getByText('You control playback')).toBeTruthy()
  })

  test('control can be handed over', () => {
    show('party')
    press('Hand over')
    expect(host.intents).toEqual([{ type: 'resignDirector' }])
  })

  test('the director moves the song, and everyone hears where it is', () => {
    show('party')
    press('Play on every device')
    act(() => host.advance(1))
    const slider = screen.getByRole('slider', { name: 'Position' })
    fireEvent.change(slider, { target: { value: '60000' } })
    expect(host.intents.at(-1)).toEqual({ type: 'seek', positionMs: 60_000 })
  })

  test('who has a song is said in words', () => {
    show('party')
    const song = screen.getByText('Night Train to Brno').closest('li')
    if (!song) throw new Error('the song is no list item')
    expect(within(song).getAllByText('Has it')).toHaveLength(2)
    expect(within(song).getByText('62%, can play')).toBeTruthy()
  })

  test('a song of this device can be taken back', () => {
    show('party')
    press('Stop sharing Upstream')
    expect(host.intents).toEqual([
      { type: 'removeFile', fileId: host.intents.flatMap((i) => ('fileId' in i ? [i.fileId] : []))[0] },
    ])
    expect(screen.queryByText('Upstream')).toBeNull()
  })

  test('music is added while there is room for it', async () => {
    show('party')
    press('Add music')
    await vi.waitFor(() => expect(screen.getByRole('progressbar', { name: /^Reading/ })).toBeTruthy())
    act(() => host.advance(2_000))
    expect(host.view.files).toHaveLength(4)
    expect(button('Add music').getAttribute('aria-disabled')).toBe('true')
  })

  test('a fault of the sound device is said at once', () => {
    show('crowd')
    expect(screen.getByRole('alert').textContent).toContain('No sound device could be opened')
  })

  test('a broken connection says that music goes on', () => {
    show('crowd')
    expect(screen.getByText('Offline. Still playing in time, for now')).toBeTruthy()
  })

  test('the log shows the newest line first', () => {
    show('party')
    const lines = within(screen.getByRole('region', { name: 'What happened' })).getAllByRole('listitem')
    expect(lines[0]?.textContent).toContain('Upstream.flac')
    expect(lines.at(-1)?.textContent).toContain('Connected to the party.')
  })

  test('news is told once to those who listen to the screen', () => {
    vi.useFakeTimers()
    show('party')
    const news = screen.getAllByRole('status').at(-1)
    press('Hand over')
    act(() => void vi.advanceTimersByTime(2_000))
    expect(news?.textContent).toBe('Another device controls playback now. Music goes on.')
  })
})

describe('this speaker', () => {
  test('the delay is heard while it is moved, but not sent for every step', () => {
    vi.useFakeTimers()
    show('party')
    const slider = screen.getByRole('slider', { name: 'Speaker delay' })
    for (const value of ['10', '20', '30']) fireEvent.input(slider, { target: { value } })
    act(() => void vi.advanceTimersByTime(200))
    expect(host.intents).toEqual([{ type: 'setSpeakerDelay', ms: 30 }])
    expect(slider.getAttribute('aria-valuetext')).toBe('30 milliseconds')
  })

  test('the delay is set in small steps and stays in its range', () => {
    show('party')
    expect(button('5 ms less delay').getAttribute('aria-disabled')).toBe('true')
    press('5 ms more delay')
    expect(host.view.settings.speakerDelayMs).toBe(5)
  })

  test('the output is chosen by name, and the choice can follow the system again', () => {
    show('party')
    const choice = screen.getByRole('combobox', { name: 'Sound goes to' })
    fireEvent.change(choice, { target: { value: 'usb-dac' } })
    fireEvent.change(choice, { target: { value: '' } })
    expect(host.intents).toEqual([
      { type: 'setOutput', id: 'usb-dac' },
      { type: 'setOutput', id: null },
    ])
  })
})

describe('settings', () => {
  beforeEach(() => {
    show('party')
    press('Settings')
  })

  test('public trackers are off, and say what they mean', () => {
    const box = screen.getByRole('checkbox', { name: 'Use public trackers' })
    expect(box).toHaveProperty('checked', false)
    fireEvent.click(box)
    expect(host.intents).toEqual([{ type: 'setNetwork', network: { publicTrackers: true, iceServers: [] } }])
  })

  test('the device is renamed', () => {
    type('Name of this device', ' Bass corner ')
    const [save] = screen.getAllByRole('button', { name: 'Save' })
    if (save) fireEvent.click(save)
    expect(host.intents).toEqual([{ type: 'setAlias', alias: 'Bass corner' }])
  })

  test('servers are kept only when each line can be one', () => {
    type('STUN or TURN servers', 'stun.example')
    expect(screen.getByRole('alert').textContent).toContain('stun:')
    type('STUN or TURN servers', 'stun:stun.example:3478')
    const save = screen.getAllByRole('button', { name: 'Save' }).at(-1)
    if (save) fireEvent.click(save)
    expect(host.intents).toEqual([
      { type: 'setNetwork', network: { publicTrackers: false, iceServers: ['stun:stun.example:3478'] } },
    ])
  })

  test('songs per device stay in their range', () => {
    const count = screen.getByRole('spinbutton', { name: 'Songs shared from this device' })
    fireEvent.change(count, { target: { value: '51' } })
    fireEvent.change(count, { target: { value: '5' } })
    expect(host.intents).toEqual([{ type: 'setFilesPerMember', count: 5 }])
  })
})

test('a relay’s page says where to go', () => {
  render(<RelayPage address={{ protocol: 'http:', host: '192.0.2.10:8080' }} />)
  expect(screen.getByText('ws://192.0.2.10:8080/ws')).toBeTruthy()
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => 0)
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

function button(name: string | RegExp): HTMLElement {
  return screen.getByRole('button', { name })
}

function press(name: string | RegExp): void {
  fireEvent.click(button(name))
}

function type(label: string, value: string): void {
  fireEvent.input(screen.getByLabelText(label), { target: { value } })
}
