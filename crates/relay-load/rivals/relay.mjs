// The relay a Node developer would write with `ws`: swarms in maps, one encoding a message,
// pings against dead links, the library's own defaults otherwise. Prints its port.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const swarms = new Map()

const now = () => performance.timeOrigin + performance.now()

const http = createServer((_request, response) => response.writeHead(404).end())
// The same largest message as ours; ws compresses nothing unless it is told to.
const server = new WebSocketServer({ server: http, path: '/ws', maxPayload: 64 * 1024 })

server.on('connection', (socket, request) => {
  request.socket.setNoDelay(true)
  let member = null
  socket.alive = true
  socket.on('pong', () => (socket.alive = true))
  socket.on('error', () => socket.terminate())
  socket.on('close', () => member && leave(member))
  socket.on('message', (data) => {
    const arrived = now()
    let message
    try {
      message = JSON.parse(data)
    } catch {
      return refuse(socket, 'bad-message')
    }
    if (message?.type === 'timePing') {
      const left = now()
      const pong = { type: 'timePong', t0: message.t0, tS: (arrived + left) / 2, t1: arrived, t2: left }
      return socket.send(JSON.stringify(pong))
    }
    if (member) return relay(member, message)
    if (message?.type !== 'join') return refuse(socket, 'not-joined')
    member = join(socket, message)
  })
})

// Links that no longer answer are cut.
setInterval(() => {
  for (const socket of server.clients) {
    if (!socket.alive) {
      socket.terminate()
      continue
    }
    socket.alive = false
    socket.ping()
  }
}, 25_000)

function join(socket, { swarmHash, userId }) {
  let members = swarms.get(swarmHash)
  if (!members) swarms.set(swarmHash, (members = new Map()))
  if (members.has(userId)) {
    refuse(socket, 'user-taken')
    return null
  }
  const member = { socket, userId, swarmHash, members }
  members.set(userId, member)
  const peers = Array.from(members.keys(), (id) => ({ userId: id }))
  socket.send(JSON.stringify({ type: 'joined', peers, resume: randomBytes(16).toString('hex') }))
  broadcast(members, { type: 'presence', userId, action: 'join' }, member)
  return member
}

function leave({ userId, swarmHash, members }) {
  members.delete(userId)
  if (members.size === 0) swarms.delete(swarmHash)
  else broadcast(members, { type: 'presence', userId, action: 'leave' })
}

function relay(member, message) {
  if (message.type === 'rtc:signal') {
    const signal = { type: 'rtc:signal', from: member.userId, data: message.data }
    const receiver = member.members.get(message.to)
    if (receiver) receiver.socket.send(JSON.stringify(signal))
    else refuse(member.socket, 'unknown-peer')
    return
  }
  // Reports are news to the others; what the director says is confirmed to the director too.
  const isReport = message.type === 'sync:report'
  broadcast(member.members, { ...message, userId: member.userId }, isReport ? member : null)
}

function broadcast(members, message, except = null) {
  const frame = Buffer.from(JSON.stringify(message))
  for (const member of members.values()) {
    if (member !== except) member.socket.send(frame, { binary: false })
  }
}

function refuse(socket, code) {
  socket.send(JSON.stringify({ type: 'error', code, message: code }))
}

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(http.address().port))
