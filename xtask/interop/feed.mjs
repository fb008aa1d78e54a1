/**
 * feed.mjs RELAY TRACKER SWARM_HASH FILE: seeds a song in a browser and announces it in the swarm as
 * a member that can do nothing else. Runs until it is ended.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { openPage, seedSong } from './page.mjs'

const [relay, tracker, swarmHash, song] = process.argv.slice(2)
const bytes = readFileSync(song)
const { page } = await openPage({ song })
const infoHash = await seedSong(page, tracker)
const announcement = {
  type: 'file:announce',
  fileId: createHash('sha256').update(bytes).digest('hex'),
  name: basename(song),
  size: bytes.length,
  infoHash,
  magnet: `magnet:?xt=urn:btih:${infoHash}`,
  media: { format: song.split('.').pop() },
}
await page.evaluate(
  ([relay, swarmHash, announcement]) => {
    const socket = new WebSocket(relay)
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data)
      if (message.type === 'error') throw new Error(data)
      if (message.type === 'joined') socket.send(JSON.stringify(announcement))
    }
    socket.onopen = () => socket.send(JSON.stringify({ type: 'join', swarmHash, userId: 'plain-browser' }))
  },
  [relay, swarmHash, announcement],
)
