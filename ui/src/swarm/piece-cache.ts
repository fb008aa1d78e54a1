/**
 * Keeps the pieces that were read last, so that a member who fetches a piece in blocks of 16 KiB
 * costs one call to the core and not one per block. Bounded by bytes over all torrents.
 */
export interface PieceCache {
  /** The piece under `key`, loaded at most once at a time. A failed load is not kept. */
  read(key: string, load: () => Promise<Uint8Array>): Promise<Uint8Array>
  /** Forgets every piece whose key starts with `prefix`. */
  forget(prefix: string): void
}

/** A few pieces for each of the members served at once. (bytes) */
export const CACHE_BYTES = 16 * 1024 * 1024

interface Kept {
  readonly piece: Promise<Uint8Array>
  bytes: number
}

export function createPieceCache(capacity = CACHE_BYTES): PieceCache {
  // A Map keeps the order of insertion: the first key is the one unused for longest.
  const kept = new Map<string, Kept>()
  let total = 0

  function drop(key: string, entry: Kept): void {
    if (kept.get(key) !== entry) return
    kept.delete(key)
    total -= entry.bytes
  }

  return {
    read(key, load) {
      const found = kept.get(key)
      if (found) {
        kept.delete(key)
        kept.set(key, found)
        return found.piece
      }
      const entry: Kept = { piece: load(), bytes: 0 }
      kept.set(key, entry)
      entry.piece.then(
        (piece) => {
          if (kept.get(key) !== entry) return
          entry.bytes = piece.length
          total += piece.length
          for (const [oldest, old] of kept) {
            if (total <= capacity) break
            drop(oldest, old)
          }
        },
        () => drop(key, entry),
      )
      return entry.piece
    },

    forget(prefix) {
      for (const [key, entry] of kept) if (key.startsWith(prefix)) drop(key, entry)
    },
  }
}
