/** fetch.mjs TRACKER INFO_HASH: fetches a song in a browser and prints what came. */
import { fetchSong, openPage, within } from './page.mjs'

const [tracker, infoHash] = process.argv.slice(2)
const { page, close } = await openPage()
console.log(JSON.stringify(await within(90, fetchSong(page, tracker, infoHash))))
await close()
