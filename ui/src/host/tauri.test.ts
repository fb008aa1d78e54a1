// @vitest-environment happy-dom
/** What crosses to the core: names, arguments and bytes, as the core's commands take them. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sceneView } from './fake-scenes'
import { createTauriHost, isInsideApp } from './tauri'

const HASH = 'a'.repeat(40)

type Invoke = (command: string, args?: unknown, options?: unknown) => Promise<unknown>

let invoke: ReturnType<typeof vi.fn<Invoke>>
let callbacks: ((message: unknown) => void)[]

beforeEach(() => {
  invoke = vi.fn<Invoke>(() => Promise.resolve(new ArrayBuffer(0)))
  callbacks = []
  vi.stubGlobal('__TAURI_INTERNALS__', {
    invoke,
    transformCallback: (callback: (message: unknown) => void) => callbacks.push(callback) - 1,
    unregisterCallback: () => {},
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
})

test('the app is known by what it puts into the page', () => {
  expect(isInsideApp()).toBe(true)
  vi.unstubAllGlobals()
  expect(isInsideApp()).toBe(false)
})

test('a piece is written as raw bytes, with what it is beside it', async () => {
  const bytes = Uint8Array.of(1, 2, 3)
  await createTauriHost().writePiece(HASH, 7, bytes)
  expect(invoke).toHaveBeenCalledWith('write_piece', bytes, { headers: { 'info-hash': HASH, index: '7' } })
})

test('a description is handed over as raw bytes', async () => {
  const bytes = Uint8Array.of(100, 101)
  await createTauriHost().putMetainfo(HASH, bytes)
  expect(invoke).toHaveBeenCalledWith('put_metainfo', bytes, { headers: { 'info-hash': HASH } })
})

test('pieces, descriptions and fields come back as bytes', async () => {
  invoke.mockResolvedValue(Uint8Array.of(9, 8).buffer)
  const host = createTauriHost()
  expect(await host.readPiece(HASH, 1, 0, 2)).toEqual(Uint8Array.of(9, 8))
  expect(await host.metainfo(HASH)).toEqual(Uint8Array.of(9, 8))
  expect(await host.heldPieces(HASH)).toEqual(Uint8Array.of(9, 8))
  expect(invoke.mock.calls.map(([command, args]) => [command, args])).toEqual([
    ['read_piece', { infoHash: HASH, index: 1, offset: 0, length: 2 }],
    ['metainfo', { infoHash: HASH }],
    ['held_pieces', { infoHash: HASH }],
  ])
})

test('an intent and the file dialog are asked for by name', async () => {
  const host = createTauriHost()
  await host.sendIntent({ type: 'stop' })
  await host.pickFiles()
  expect(invoke).toHaveBeenCalledWith('send_intent', { intent: { type: 'stop' } }, undefined)
  expect(invoke).toHaveBeenCalledWith('pick_files', {}, undefined)
})

test('a picture is taken with its type, and only if it is a picture', async () => {
  const host = createTauriHost()
  invoke.mockResolvedValueOnce(new TextEncoder().encode('image/png\nPNG').buffer)
  const picture = await host.artwork('f')
  expect([picture?.type, await picture?.text()]).toEqual(['image/png', 'PNG'])
  invoke.mockResolvedValueOnce(new TextEncoder().encode('text/html\n<script>').buffer)
  expect(await host.artwork('f')).toBeNull()
  expect(await host.artwork('f')).toBeNull()
})

test('events arrive until nobody listens, and one that cannot be read harms no other', () => {
  const heard: string[] = []
  const stop = createTauriHost().subscribe((event) => heard.push(event.type))
  const deliver = (index: number, message: unknown): void => callbacks[0]?.({ index, message })
  deliver(0, { type: 'view', view: sceneView('party') })
  deliver(1, { type: 'dance' })
  deliver(2, { type: 'signal', from: 'ada', data: {} })
  stop()
  deliver(3, { type: 'signal', from: 'ada', data: {} })
  expect(heard).toEqual(['view', 'signal'])
  expect(invoke).toHaveBeenCalledWith(
    'send_intent',
    { intent: { type: 'reportFault', text: 'UnexpectedShape: no event has the type "dance"' } },
    undefined,
  )
})
