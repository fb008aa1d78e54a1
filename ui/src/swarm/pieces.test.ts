import { expect, test, vi } from 'vitest'
import type { PieceHost } from '../host/host'
import { createPieceCache } from './piece-cache'
import { PieceStore } from './piece-store'
import type { TorrentPieces } from './piece-store'

const SONG = 'a'.repeat(40)
const PIECE = 8

test('many readers of one piece cost one call to the core', async () => {
  const { host, store } = storeOf({ length: 20 })
  const parts = await Promise.all([0, 2, 4, 6].map((offset) => get(store, 1, { offset, length: 2 })))
  expect(parts.map((part) => [...part])).toEqual([
    [8, 9],
    [10, 11],
    [12, 13],
    [14, 15],
  ])
  expect(host.readPiece).toHaveBeenCalledTimes(1)
  expect(host.readPiece).toHaveBeenCalledWith(SONG, 1, 0, PIECE)
})

test('the last piece is as short as it is', async () => {
  const { store } = storeOf({ length: 20 })
  expect([...(await get(store, 2, null))]).toEqual([16, 17, 18, 19])
})

test('the core is not asked for pieces it cannot hold yet', async () => {
  const { host, store } = storeOf({ length: 20, mayHold: false })
  await expect(get(store, 0, null)).rejects.toThrow('piece 0 is not held')
  expect(host.readPiece).not.toHaveBeenCalled()
})

test('no piece is written before the core knows the description', async () => {
  let describe = (): void => {}
  const described = new Promise<void>((resolve) => {
    describe = resolve
  })
  const { host, store } = storeOf({ length: 20, described })
  const written = put(store, 0)
  await Promise.resolve()
  expect(host.writePiece).not.toHaveBeenCalled()
  describe()
  await written
  expect(host.writePiece).toHaveBeenCalledTimes(1)
})

test('a refusal of the core reaches WebTorrent', async () => {
  const { host, store } = storeOf({ length: 20 })
  host.writePiece.mockRejectedValueOnce('piece 0 does not match its hash')
  await expect(put(store, 0)).rejects.toThrow('piece 0 does not match its hash')
})

test('a closed store writes nothing more', async () => {
  const { host, store } = storeOf({ length: 20 })
  store.close()
  await expect(put(store, 0)).rejects.toThrow('closed')
  expect(host.writePiece).not.toHaveBeenCalled()
})

test('the cache forgets what was unused for longest when it is full', async () => {
  const cache = createPieceCache(2 * PIECE)
  const load = vi.fn<() => Promise<Uint8Array>>(() => Promise.resolve(new Uint8Array(PIECE)))
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.read(key, load)
  expect(load).toHaveBeenCalledTimes(4)
})

test('a failed load is tried again', async () => {
  const cache = createPieceCache()
  await expect(cache.read('a', () => Promise.reject(new Error('disk')))).rejects.toThrow('disk')
  await expect(cache.read('a', () => Promise.resolve(new Uint8Array(1)))).resolves.toHaveLength(1)
})

function storeOf(parts: { length: number } & Partial<Pick<TorrentPieces, 'mayHold' | 'described'>>) {
  const host = {
    readPiece: vi.fn<PieceHost['readPiece']>((_hash, index, offset, length) =>
      Promise.resolve(Uint8Array.from({ length }, (_, at) => index * PIECE + offset + at)),
    ),
    writePiece: vi.fn<PieceHost['writePiece']>(() => Promise.resolve()),
    metainfo: () => Promise.resolve(new Uint8Array()),
    putMetainfo: () => Promise.resolve(),
    heldPieces: () => Promise.resolve(new Uint8Array()),
  }
  const pieces = {
    infoHash: SONG,
    host,
    cache: createPieceCache(),
    described: parts.described ?? Promise.resolve(),
    mayHold: parts.mayHold ?? true,
  }
  return { host, store: new PieceStore(PIECE, { pieces, length: parts.length }) }
}

function get(store: PieceStore, index: number, part: { offset: number; length: number } | null): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    store.get(index, part, (error, bytes) => (bytes ? resolve(bytes) : reject(error)))
  })
}

function put(store: PieceStore, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.put(index, new Uint8Array(PIECE), (error) => (error ? reject(error) : resolve()))
  })
}
