import { connect, createServer, type Server, type TLSSocket } from 'node:tls'

import type { PeerId } from '../../base/environment.ts'
import { LANE_CONNECT_MS, LANE_HANDSHAKE_MS, LANE_SOCKETS_MAX } from '../limits.ts'
import { laneTls } from './lane-tls.ts'

/** Where the wanted port is taken, so many after it are tried. */
const PORTS_TRIED_MAX = 20

export interface TicketServerOptions {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** What a ticket stands for, which is then used up. */
  readonly useTicket: (id: string) => { peer: PeerId; key: Uint8Array } | undefined
  /** Its holder showed a ticket, and knew the key. */
  readonly onSocket: (socket: TLSSocket, ticket: { peer: PeerId; id: string }) => void
  readonly onRefused: (detail: string) => void
  readonly onListening: (port: number) => void
  readonly onFailed: (error: string) => void
}

/** Lets in whoever has a ticket, once. */
export function listenForTickets(options: TicketServerOptions): Server {
  const { host, port, useTicket, onSocket, onRefused, onListening, onFailed } = options
  /** Who holds the ticket that a socket showed. */
  const holders = new WeakMap<TLSSocket, { readonly peer: PeerId; readonly id: string }>()
  const server = createServer({
    ...laneTls,
    handshakeTimeout: LANE_HANDSHAKE_MS,
    pskCallback: (socket, id) => {
      const ticket = useTicket(id)
      if (ticket === undefined) return null
      holders.set(socket, { peer: ticket.peer, id })
      return ticket.key
    },
  })
  server.maxConnections = LANE_SOCKETS_MAX
  server.on('secureConnection', socket => {
    const holder = holders.get(socket)
    if (holder !== undefined && !socket.isSessionReused()) {
      onSocket(socket, holder)
      return
    }
    onRefused('a session that showed no ticket')
    socket.destroy()
  })
  server.on('tlsClientError', ({ message }, socket) => {
    socket.on('error', () => undefined)
    onRefused(message.slice(0, 200))
    socket.destroy()
  })
  let triedPort = port
  server.on('error', (error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE' && triedPort < port + PORTS_TRIED_MAX
    if (isTaken) server.listen(++triedPort, host)
    else onFailed(error.message)
  })
  server.on('listening', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') onListening(address.port)
  })
  server.listen(port, host)
  return server
}

export interface TicketCall {
  readonly host: string
  readonly port: number
  readonly id: string
  readonly key: Uint8Array
}

/** Shows a ticket; resolves when the other side has let us in. */
export function callWithTicket({ host, port, id, key }: TicketCall): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...laneTls,
      host,
      port,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ identity: id, psk: key }),
    })
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      reject(error)
    }
    const deadline = setTimeout(() => {
      socket.off('error', fail)
      socket.on('error', () => undefined)
      socket.destroy()
      reject(new Error('no connection in time'))
    }, LANE_CONNECT_MS)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      clearTimeout(deadline)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}
