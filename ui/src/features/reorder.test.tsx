// @vitest-environment happy-dom
/** The order of songs, moved by keyboard and by hand. */
import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { act } from 'preact/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { createFakeHost } from '../host/fake'
import type { FakeHost } from '../host/fake'
import { createParty } from '../state/party'
import { App } from './App'

/** Height of a made-up row. (pixels) */
const ROW = 100

let host: FakeHost

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

test('arrow keys on the handle move a song, the focus stays with it and the place is said', () => {
  show()
  const handle = handleOf('Upstream', 1)
  handle.focus()
  fireEvent.keyDown(handle, { key: 'ArrowDown' })
  expect(host.intents).toEqual([{ type: 'moveFile', fileId: host.view.files[1]?.fileId, to: 1 }])
  expect(screen.getByText('Moved to 2 of 3')).toBeTruthy()
  expect(document.activeElement).toBe(handleOf('Upstream', 2))
  fireEvent.keyDown(handleOf('Upstream', 2), { key: 'ArrowDown' })
  expect(screen.getByText('Moved to 3 of 3')).toBeTruthy()
  fireEvent.keyDown(handleOf('Upstream', 3), { key: 'ArrowDown' })
  expect(host.intents, 'it is the last one').toHaveLength(2)
})

test('nothing is said of a move that the core has not made', () => {
  show()
  vi.spyOn(host, 'sendIntent').mockResolvedValue()
  fireEvent.keyDown(handleOf('Upstream', 1), { key: 'ArrowDown' })
  expect(screen.queryByText(/^Moved/)).toBeNull()
})

test('a song is dragged to another place by its handle, and let go elsewhere by Escape', () => {
  show()
  layOut()
  const handle = handleOf('Upstream', 1)
  handle.setPointerCapture = () => {}
  fireEvent.pointerDown(handle, { button: 0, pointerId: 1 })
  fireEvent.pointerMove(handle, { pointerId: 1, clientY: 2.7 * ROW })
  fireEvent.pointerUp(handle, { pointerId: 1 })
  expect(host.intents).toEqual([{ type: 'moveFile', fileId: host.view.files[2]?.fileId, to: 2 }])

  const again = handleOf('Upstream', 3)
  again.setPointerCapture = () => {}
  fireEvent.pointerDown(again, { button: 0, pointerId: 1 })
  fireEvent.pointerMove(again, { pointerId: 1, clientY: 0 })
  fireEvent.keyDown(again, { key: 'Escape' })
  fireEvent.pointerUp(again, { pointerId: 1 })
  expect(host.intents).toHaveLength(1)
})

test('buttons move a song where arrow keys are taken by the screen reader', () => {
  show()
  fireEvent.click(screen.getByRole('button', { name: 'Move Paper Lanterns up', hidden: true }))
  expect(host.intents.at(-1)).toMatchObject({ type: 'moveFile', to: 1 })
  const first = screen.getByRole('button', { name: 'Move Upstream up', hidden: true })
  expect(first.getAttribute('aria-disabled')).toBe('true')
})

test('a guest sees the order and has nothing to move it by', () => {
  show('guest')
  expect(screen.queryByRole('button', { name: /^Move/, hidden: true })).toBeNull()
})

function show(scene: 'party' | 'guest' = 'party'): void {
  host = createFakeHost(scene)
  const party = createParty(host, () => performance.now())
  host.subscribe((event) => act(() => party.handleEvent(event)))
  render(<App party={party} />)
}

function handleOf(title: string, place: number): HTMLElement {
  return screen.getByRole('button', { name: `Move ${title}, ${place} of 3` })
}

/** Rows of one height below each other, as a browser would lay them out. */
function layOut(): void {
  vi.spyOn(HTMLLIElement.prototype, 'getBoundingClientRect').mockImplementation(function (this: HTMLLIElement) {
    const row = [...(this.parentElement?.children ?? [])].indexOf(this)
    return new DOMRect(0, row * ROW, 300, ROW)
  })
}
