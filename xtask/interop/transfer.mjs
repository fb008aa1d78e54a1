/** transfer.mjs TRACKER FILE PIECE_LENGTH: moves a song from one browser to another and prints how long it took. */
import { fetchSong, openPage, seedSong, within } from './page.mjs'

const [tracker, song, pieceLength] = process.argv.slice(2)
const [seeder, fetcher] = [await openPage({ song }), await openPage()]
const infoHash = await within(120, seedSong(seeder.page, tracker, Number(pieceLength)))
console.log(JSON.stringify(await within(240, fetchSong(fetcher.page, tracker, infoHash))))
await Promise.all([seeder.close(), fetcher.close()])
