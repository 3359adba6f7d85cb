/** The thread of a peer's lane: listens, does TLS, and moves bytes; knows nothing of what they are. */
import type { TLSSocket } from 'node:tls'
import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../../base/assert.ts'
import type { PeerId } from '../../base/environment.ts'
import { TICKET_MS } from '../limits.ts'
import { Sweeper } from '../sweeper.ts'
import type { FromLane, LaneThreadData, ToLane } from './lane-messages.ts'
import { LaneSocket } from './lane-socket.ts'
import { callWithTicket, listenForTickets } from './ticket-tls.ts'

assert(parentPort !== null, 'this file runs in a worker')
const port = parentPort
const { host, port: listenPort } = workerData as LaneThreadData

interface Ticket {
  readonly key: Uint8Array
  readonly peer: PeerId
  readonly expiry: NodeJS.Timeout
}

const tickets = new Map<string, Ticket>()
const sockets = new Map<number, { readonly peer: PeerId; readonly socket: LaneSocket }>()
let lastAccepted = 0

const sweeper = new Sweeper()

const tell = (message: FromLane, moved: ArrayBuffer[] = []): void =>
  port.postMessage(message, moved)

function add(number: number, peer: PeerId, tls: TLSSocket): void {
  const socket = new LaneSocket(tls, {
    onData: bytes => {
      // TLS had handed them over in pieces of their own.
      sweeper.passed(bytes.length)
      tell({ type: 'data', socket: number, bytes }, [bytes.buffer])
    },
    onClosed: error => {
      sockets.delete(number)
      tell({ type: 'closed', socket: number, error })
    },
  })
  sockets.set(number, { peer, socket })
}

/** A ticket is good once. */
function useTicket(id: string): Ticket | undefined {
  const ticket = tickets.get(id)
  clearTimeout(ticket?.expiry)
  tickets.delete(id)
  return ticket
}

listenForTickets({
  host,
  port: listenPort,
  useTicket,
  onSocket: (socket, holder) => {
    const number = --lastAccepted
    tell({ type: 'accepted', socket: number, ...holder })
    add(number, holder.peer, socket)
  },
  onRefused: detail => tell({ type: 'refused', detail }),
  onListening: listening => tell({ type: 'listening', port: listening }),
  onFailed: error => tell({ type: 'failed', error }),
})

function call({ socket: number, peer, ...ticket }: ToLane & { type: 'connect' }): void {
  callWithTicket(ticket).then(
    socket => {
      add(number, peer, socket)
      tell({ type: 'connected', socket: number })
    },
    ({ message }: Error) => tell({ type: 'closed', socket: number, error: message }),
  )
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
      sweeper.passed(message.payload?.length ?? 0)
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
