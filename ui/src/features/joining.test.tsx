// @vitest-environment happy-dom
/** The ways into a party, and the way to bring others. */
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import type { Scene } from '../host/scene'
import { createParty } from '../state/party'
import { App } from './App'

const LINK = 'swarm://join#v=1&k=sunday-breakfast&n=Kitchen&r=192.0.2.20:8080'

let host: FakeHost

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('starting a party', () => {
  test('one press starts one with words nobody guesses', () => {
    show('lobby')
    expect(screen.getByLabelText('Key of your party')).toHaveProperty('value', 'acid acorn acre cake dash elbow flint')
    expect(screen.getByText('Nobody can guess this key.')).toBeTruthy()
    press('Start a party here')
    expect(host.intents).toEqual([
      { type: 'joinSwarm', key: 'acid acorn acre cake dash elbow flint', at: { kind: 'here' } },
    ])
    expect(screen.getByRole('heading', { level: 1, name: 'Blue Otter' })).toBeTruthy()
  })

  test('other words replace the drawn ones and the typed ones', () => {
    show('lobby')
    press('New words')
    expect(host.intents).toEqual([{ type: 'drawKey' }])
    expect(screen.getByDisplayValue('gong halo iron jam kite lemon moss')).toBeTruthy()
    type('Key of your party', 'mine')
    press('New words')
    expect(screen.getByDisplayValue('acid acorn acre cake dash elbow flint')).toBeTruthy()
  })

  test('a key of one’s own works, and its weakness is said', () => {
    show('lobby')
    type('Key of your party', 'k')
    expect(screen.getByText(/^Easy to guess for whoever runs the relay/)).toBeTruthy()
    fireEvent.keyDown(screen.getByLabelText('Key of your party'), { key: 'Enter' })
    expect(host.intents).toEqual([{ type: 'joinSwarm', key: 'k', at: { kind: 'here' } }])
  })

  test('without a key no party starts, and the field says so', () => {
    show('lobby')
    type('Key of your party', ' ')
    press('Start a party here')
    expect(host.intents).toEqual([])
    expect(screen.getByRole('alert').textContent).toBe('Type a party key first.')
  })

  test('a device without random numbers leaves the words to the person', () => {
    show('lobby')
    act(() => host.change({ lobby: { ...host.view.lobby, newKey: null } }))
    expect(screen.getByLabelText('Key of your party')).toHaveProperty('value', '')
    expect(screen.getByText(/^Any words you like/)).toBeTruthy()
  })
})

describe('joining', () => {
  test('a typed key joins wherever the party is', () => {
    show('lobby')
    type('Party key', ' green river ')
    press('Join')
    expect(host.intents).toEqual([{ type: 'joinSwarm', key: 'green river', at: { kind: 'anywhere' } }])
  })

  test('a key is needed, and the field says so', () => {
    show('lobby')
    press('Join')
    expect(host.intents).toEqual([])
    expect(screen.getByRole('alert').textContent).toBe('Type a party key first.')
    expect(screen.getByLabelText('Party key').getAttribute('aria-invalid')).toBe('true')
  })

  test('a party nearby is joined by its name', () => {
    show('lobby')
    type('Party key', 'k')
    press(/^Join the party on Kitchen/)
    expect(host.intents).toEqual([{ type: 'joinSwarm', key: 'k', at: { kind: 'nearby', id: 'b81f0c3a' } }])
    expect(screen.getByRole('heading', { level: 1, name: 'Kitchen' })).toBeTruthy()
  })

  test('parties nearby come and go by themselves', () => {
    show('lobby')
    act(() => host.change({ nearby: [] }))
    expect(screen.getByText(/^No parties nearby yet/)).toBeTruthy()
    act(() => host.change({ nearby: [{ id: '1', name: 'Studio', url: 'ws://192.0.2.9:8080/ws' }] }))
    expect(button(/^Join the party on Studio/)).toBeTruthy()
  })

  test('a relay is joined by an address that can be one', () => {
    show('lobby')
    type('Party key', 'k')
    type('Relay address', 'relay.example')
    press('Join by address')
    expect(host.intents).toEqual([])
    type('Relay address', 'wss://relay.example/ws')
    press('Join by address')
    expect(host.intents).toEqual([
      { type: 'joinSwarm', key: 'k', at: { kind: 'relay', url: 'wss://relay.example/ws' } },
    ])
  })
})

describe('an invitation', () => {
  test('a pasted link asks by the party’s name, and joins when the answer is yes', () => {
    show('lobby')
    paste(LINK)
    expect(host.intents).toEqual([{ type: 'openInvite', link: LINK }])
    expect(host.view.swarm, 'a link never acts by itself').toBeNull()
    const question = within(screen.getByRole('dialog', { name: 'Join Kitchen?' }))
    expect(question.getByText('ws://192.0.2.20:8080/ws')).toBeTruthy()
    expect(question.queryByText('sunday breakfast')).toBeNull()
    fireEvent.click(question.getByRole('button', { name: 'Show key of Kitchen' }))
    expect(question.getByText('sunday breakfast')).toBeTruthy()
    fireEvent.click(question.getByRole('button', { name: 'Join this party' }))
    expect(host.intents.at(-1)).toEqual({ type: 'acceptInvite' })
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(screen.getByRole('heading', { level: 1, name: 'Kitchen' })).toBeTruthy()
  })

  test('a no puts it aside', () => {
    show('invited')
    press('Not now')
    expect(host.intents).toEqual([{ type: 'dismissInvite' }])
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(host.view.swarm).toBeNull()
  })

  test('in a party it says which one is left', () => {
    show('party')
    act(() => host.change({ lobby: createFakeHost('invited').view.lobby }))
    expect(screen.getByText('You leave Blue Otter when you join.')).toBeTruthy()
  })

  test('a broken link says what to do', () => {
    show('lobby')
    paste('swarm://join#v=1')
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(screen.getByText(/^That link is no invitation that can be used\./)).toBeTruthy()
  })

  test('text that is no link is pasted as always', () => {
    show('lobby')
    paste('swarm: the movie')
    expect(host.intents).toEqual([])
  })
})

describe('recent parties', () => {
  test('one press joins again where it was, or starts again here', () => {
    show('lobby')
    press(/^Join again: Leo’s phone/)
    expect(host.intents).toEqual([{ type: 'rejoin', swarm: '5'.repeat(64) }])
    expect(screen.getByRole('heading', { level: 1, name: 'Leo’s phone' })).toBeTruthy()
    press('Leave')
    press(/^Start again here: Blue Otter/)
    expect(host.view.swarm?.hosting).toBe(true)
  })

  test('a key is shown when asked for, one at a time, and hidden again', () => {
    show('lobby')
    expect(screen.queryByText('sunday breakfast')).toBeNull()
    press('Show key of Blue Otter')
    expect(screen.getByText('sunday breakfast')).toBeTruthy()
    press('Show key of Leo’s phone')
    expect(screen.queryByText('sunday breakfast')).toBeNull()
    press('Hide key of Leo’s phone')
    expect(host.intents.at(-1)).toEqual({ type: 'revealKey', swarm: null })
    expect(screen.queryByText(/grub$/)).toBeNull()
  })

  test('one is forgotten, and without any the list is gone', () => {
    show('lobby')
    press('Forget Blue Otter and its key')
    press('Forget Leo’s phone and its key')
    expect(screen.queryByRole('heading', { name: 'Recent parties' })).toBeNull()
  })

  test('a party that was entered is the newest of them', () => {
    show('lobby')
    press('Start a party here')
    act(() => host.advance(400))
    press('Leave')
    const recent = within(screen.getByRole('region', { name: 'Recent parties' })).getAllByRole('listitem')
    expect(recent).toHaveLength(3)
    expect(recent[0]?.textContent).toContain('Blue Otter')
  })
})

describe('inviting', () => {
  test('a code, a link and words bring others in', async () => {
    const writeText = vi.fn<(text: string) => Promise<void>>(() => Promise.resolve())
    vi.stubGlobal('navigator', { clipboard: { writeText } })
    show('party')
    press('Invite')
    const sheet = within(screen.getByRole('dialog', { name: 'Invite to Blue Otter' }))
    expect(sheet.getByRole('img', { name: 'QR code of the invitation' })).toBeTruthy()
    const link = host.view.swarm?.invite ?? ''
    expect(sheet.getByText(link)).toBeTruthy()
    fireEvent.click(sheet.getByRole('button', { name: 'Copy link' }))
    expect(writeText).toHaveBeenCalledWith(link)
    await sheet.findByRole('button', { name: 'Copied' })
    expect(sheet.getByText('aloe boxer cedar dial emu fifty grub')).toBeTruthy()
  })

  test('a clipboard that may not be written is told', async () => {
    const writeText = vi.fn<(text: string) => Promise<void>>(() => Promise.reject(new Error('not allowed')))
    vi.stubGlobal('navigator', { clipboard: { writeText } })
    show('party')
    press('Invite')
    press('Copy link')
    expect(await screen.findByRole('button', { name: 'Could not copy: select the text' })).toBeTruthy()
  })

  test('a link too long for a code is still there to be sent', () => {
    show('party')
    const { swarm } = host.view
    act(() => host.change({ swarm: swarm && { ...swarm, invite: `${LINK}&r=${'h'.repeat(700)}` } }))
    press('Invite')
    expect(screen.queryByRole('img', { name: /^QR/ })).toBeNull()
    expect(screen.getByText(/^This key is too long for a code/)).toBeTruthy()
    expect(button('Copy link')).toBeTruthy()
  })
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

function paste(text: string): void {
  fireEvent.paste(screen.getByLabelText('Party key'), { clipboardData: { getData: () => text } })
}
