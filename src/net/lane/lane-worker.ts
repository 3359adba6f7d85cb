/** The thread of a peer's lane: listens, does TLS, and moves bytes; knows nothing of what they are. */
import { connect, createServer, type TLSSocket } from 'node:tls'
import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../../base/assert.ts'
import type { PeerId } from '../../base/environment.ts'
import { LANE_CONNECT_MS, LANE_HANDSHAKE_MS, LANE_SOCKETS_MAX, TICKET_MS } from '../limits.ts'
import type { FromLane, LaneThreadData, ToLane } from './lane-messages.ts'
import { LaneSocket } from './lane-socket.ts'
import { laneTls } from './lane-tls.ts'

assert(parentPort !== null, 'this file runs in a worker')
const port = parentPort
const { host, port: listenPort } = workerData as LaneThreadData

/** Where the wanted port is taken, so many after it are tried. */
const PORTS_TRIED_MAX = 20

interface Ticket {
  readonly key: Uint8Array
  readonly peer: PeerId
  readonly expiry: NodeJS.Timeout
}

const tickets = new Map<string, Ticket>()
const sockets = new Map<number, { readonly peer: PeerId; readonly socket: LaneSocket }>()
/** Who holds the ticket that a socket showed. */
const holders = new WeakMap<TLSSocket, { readonly peer: PeerId; readonly id: string }>()
let lastAccepted = 0

const tell = (message: FromLane, moved: ArrayBuffer[] = []): void =>
  port.postMessage(message, moved)

function add(number: number, peer: PeerId, tls: TLSSocket): void {
  const socket = new LaneSocket(tls, {
    onData: bytes => tell({ type: 'data', socket: number, bytes }, [bytes.buffer]),
    onClosed: error => {
      sockets.delete(number)
      tell({ type: 'closed', socket: number, error })
    },
  })
  sockets.set(number, { peer, socket })
}

/** A ticket is good once. */
function useTicket(socket: TLSSocket, id: string): Uint8Array | null {
  const ticket = tickets.get(id)
  if (ticket === undefined) return null
  tickets.delete(id)
  clearTimeout(ticket.expiry)
  holders.set(socket, { peer: ticket.peer, id })
  return ticket.key
}

const server = createServer({
  ...laneTls,
  handshakeTimeout: LANE_HANDSHAKE_MS,
  pskCallback: useTicket,
})
server.maxConnections = LANE_SOCKETS_MAX
server.on('secureConnection', socket => {
  const holder = holders.get(socket)
  if (holder === undefined || socket.isSessionReused()) {
    tell({ type: 'refused', detail: 'a session that showed no ticket' })
    socket.destroy()
    return
  }
  const number = --lastAccepted
  tell({ type: 'accepted', socket: number, ...holder })
  add(number, holder.peer, socket)
})
server.on('tlsClientError', ({ message }, socket) => {
  socket.on('error', () => undefined)
  tell({ type: 'refused', detail: message.slice(0, 200) })
  socket.destroy()
})
let triedPort = listenPort
server.on('error', (error: NodeJS.ErrnoException) => {
  const isTaken = error.code === 'EADDRINUSE' && triedPort < listenPort + PORTS_TRIED_MAX
  if (isTaken) server.listen(++triedPort, host)
  else tell({ type: 'failed', error: error.message })
})
server.on('listening', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object')
    tell({ type: 'listening', port: address.port })
})
server.listen(listenPort, host)

function call(message: ToLane & { type: 'connect' }): void {
  const { socket: number, peer, id, key } = message
  const tls = connect({
    ...laneTls,
    host: message.host,
    port: message.port,
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ identity: id, psk: key }),
  })
  const failed = (error: Error | undefined): void => {
    clearTimeout(deadline)
    tell({ type: 'closed', socket: number, error: error?.message ?? 'no connection in time' })
  }
  const deadline = setTimeout(() => {
    tls.off('error', failed)
    tls.on('error', () => undefined)
    tls.destroy()
    failed(undefined)
  }, LANE_CONNECT_MS)
  tls.once('error', failed)
  tls.once('secureConnect', () => {
    clearTimeout(deadline)
    tls.off('error', failed)
    add(number, peer, tls)
    tell({ type: 'connected', socket: number })
  })
}

function issue({ id, key, peer }: ToLane & { type: 'ticket' }): void {
  const expiry = setTimeout(() => tickets.delete(id), TICKET_MS)
  tickets.set(id, { key, peer, expiry })
  tell({ type: 'ticketed', id })
}

function drop(peer: PeerId): void {
  for (const [id, ticket] of tickets) if (ticket.peer === peer) tickets.delete(id)
  for (const each of sockets.values()) if (each.peer === peer) each.socket.destroy()
}

port.on('message', (message: ToLane) => {
  switch (message.type) {
    case 'ticket':
      issue(message)
      return
    case 'connect':
      call(message)
      return
    case 'send':
      sockets.get(message.socket)?.socket.send(message.header, message.payload)
      return
    case 'taken':
      sockets.get(message.socket)?.socket.taken(message.bytes)
      return
    case 'close':
      sockets.get(message.socket)?.socket.close()
      return
    case 'drop':
      drop(message.peer)
  }
})
