// @vitest-environment happy-dom
/** The window in another language: chosen by the system or by a person, and nothing left in English. */
import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import { languageIn } from '../host/language'
import { SCENES } from '../host/scene'
import type { Scene } from '../host/scene'
import { en } from '../i18n/en'
import { speak } from '../i18n/words'
import { createParty } from '../state/party'
import { App } from './App'
import { RelayPage } from './RelayPage'

// German whose every text is the English one in brackets: what stands outside them came from no catalogue.
vi.mock('../i18n/de', () => ({ de: bracketed(en) }))

let host: FakeHost

beforeEach(() => void vi.spyOn(navigator, 'languages', 'get').mockReturnValue(['en-GB']))

afterEach(async () => {
  cleanup()
  vi.restoreAllMocks()
  await act(() => speak('en'))
})

test('the document says its language and the way it is written', async () => {
  await act(() => speak('ar'))
  expect(document.documentElement.lang).toBe('ar')
  expect(document.documentElement.dir).toBe('rtl')
  await act(() => speak('system'))
  expect(document.documentElement.lang).toBe('en')
  expect(document.documentElement.dir).toBe('ltr')
})

test('a language is chosen in the settings, kept, and spoken at once', async () => {
  show('party')
  fireEvent.click(screen.getByRole('button', { name: 'Settings' }))
  fireEvent.change(screen.getByLabelText('Language'), { target: { value: 'fr' } })
  await vi.waitFor(() => expect(document.documentElement.lang).toBe('fr'))
  expect(screen.getByText('Réglages')).toBeTruthy()
  expect(screen.getByText('3 appareils')).toBeTruthy()
  expect(host.language.chosen()).toBe('fr')
  fireEvent.change(screen.getByLabelText('Langue'), { target: { value: 'system' } })
  await vi.waitFor(() => expect(document.documentElement.lang).toBe('en'))
  expect(screen.getByText('Settings')).toBeTruthy()
  expect(host.language.chosen()).toBe('system')
})

test('a language asked for later wins over one that takes longer to come', async () => {
  await act(async () => {
    await Promise.all([speak('fr'), speak('en')])
  })
  expect(document.documentElement.lang).toBe('en')
})

test('a choice is kept where the page keeps things, and nonsense there is none', () => {
  const keeper = languageIn(localStorage)
  expect(keeper.chosen()).toBe('system')
  keeper.keep('ar')
  expect(languageIn(localStorage).chosen()).toBe('ar')
  keeper.keep('system')
  expect(localStorage.length).toBe(0)
  localStorage.setItem('language', 'toString')
  expect(keeper.chosen()).toBe('system')
  localStorage.clear()
})

describe('no text is left in the components', () => {
  test.each(SCENES)('of the %s screen', async (scene) => {
    await act(() => speak('de'))
    show(scene)
    for (const button of screen.queryAllByRole('button', { name: /Settings|Change name|Save trace/ }))
      fireEvent.click(button)
    expect(strays([JSON.stringify(host.view)])).toEqual([])
  })

  test('of the relay’s page', async () => {
    await act(() => speak('de'))
    render(<RelayPage address={{ protocol: 'http:', host: '192.0.2.10:8080' }} />)
    expect(strays(['ws://192.0.2.10:8080/ws'])).toEqual([])
  })
})

function show(scene: Scene): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => performance.now())
  host.subscribe((event) => party.handleEvent(event))
  render(<App party={party} />)
}

function bracketed<T>(branch: T): T
function bracketed(branch: unknown): unknown {
  if (typeof branch === 'string') return `⟦${branch}⟧`
  if (typeof branch === 'function') return (...given: unknown[]) => `⟦${String(Reflect.apply(branch, null, given))}⟧`
  if (typeof branch !== 'object' || branch === null) return branch
  return Object.fromEntries(Object.entries(branch).map(([key, value]) => [key, bracketed<unknown>(value)]))
}

/** What the document says, shown or spoken, that is neither from a catalogue, nor from `known`, nor a figure. */
function strays(known: readonly string[]): string[] {
  const said = [...document.body.querySelectorAll('*')].flatMap((element) => [
    ...[...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent ?? ''),
    ...SPOKEN.map((name) => element.getAttribute(name) ?? ''),
  ])
  return said
    .map(withoutBrackets)
    .flatMap((text) => text.split(/[\s·,/]+/))
    .filter((word) => /\p{L}/u.test(word) && !FIGURE.test(word))
    .filter((word) => !known.some((text) => text.includes(word)) && !OWN_NAMES.has(word))
}

const SPOKEN = ['aria-label', 'aria-valuetext', 'title', 'alt']
const FIGURE = /^(?:µs|ms|[kMG]B|s|Minuten?|Sekunden?|Mikrosekunden?|Millisekunden?)$/
/** Languages are listed by their own names. */
const OWN_NAMES = new Set(['English', 'Deutsch', 'Français', 'العربية'])

function withoutBrackets(text: string): string {
  const inner = text.replaceAll(/⟦[^⟦⟧]*⟧/g, '')
  return inner === text ? text : withoutBrackets(inner)
}
