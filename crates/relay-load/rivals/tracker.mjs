// npm's bittorrent-tracker as a WebTorrent tracker, with its own defaults. Prints its port.
import Server from 'bittorrent-tracker/server'

const server = new Server({ http: true, udp: false, ws: true, stats: false })
server.on('error', (error) => console.error(error))
server.on('warning', () => {})
server.listen(0, '127.0.0.1', () => console.log(server.http.address().port))
