import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

import type { Clock } from '../../base/environment.ts'
import { COOKIE_BYTES } from '../../clock/sntp.ts'
import type { NtpPort } from './ntp-port.ts'

interface Route {
  readonly host: string
  readonly port: number
  socket: Socket | undefined
  isLookingUp: boolean
  /** When the name is looked up again: servers move. */
  lookUpAtMs: number
}

/**
 * NTP over UDP: one connected socket per server, so that the kernel drops what others send and says
 * when nobody listens there. A name is looked up ahead of time, never while a question waits: what
 * was measured then would be the name server. A failure of any kind is a server that is silent.
 */
export class UdpNtpPort implements NtpPort {
  readonly #clock: Clock
  readonly #routes = new Map<string, Route>()
  #handler: (bytes: Uint8Array) => void = () => undefined
  #isClosed = false

  /** @throws {RangeError} for a server that is no `host` or `host:port`. */
  constructor(servers: readonly string[], clock: Clock) {
    this.#clock = clock
    for (const server of servers) this.#routes.set(server, routeOf(server))
    for (const route of this.#routes.values()) void this.#lookUp(route)
  }

  send(server: string, bytes: Uint8Array): void {
    const route = this.#routes.get(server)
    if (route === undefined) return
    if (this.#clock.monotonicMs() >= route.lookUpAtMs) void this.#lookUp(route)
    try {
      route.socket?.send(bytes)
    } catch {
      this.#drop(route)
    }
  }

  onMessage(handler: (bytes: Uint8Array) => void): void {
    this.#handler = handler
  }

  cookie(): Uint8Array {
    return randomBytes(COOKIE_BYTES)
  }

  close(): void {
    this.#isClosed = true
    for (const route of this.#routes.values()) this.#drop(route)
  }

  async #lookUp(route: Route): Promise<void> {
    if (route.isLookingUp || this.#isClosed) return
    route.isLookingUp = true
    try {
      const { address } = await lookup(route.host)
      await this.#connect(route, address)
      route.lookUpAtMs = this.#clock.monotonicMs() + LOOK_UP_EVERY_MS
    } catch {
      route.lookUpAtMs = this.#clock.monotonicMs() + LOOK_UP_AGAIN_MS
    } finally {
      route.isLookingUp = false
    }
  }

  async #connect(route: Route, address: string): Promise<void> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    // Told when nobody listens there, and by a failed lookup: both are but silence.
    socket.on('error', () => undefined)
    socket.on('message', bytes => this.#handler(bytes))
    try {
      socket.connect(route.port, address)
      await once(socket, 'connect')
    } catch (error) {
      socket.close()
      throw error
    }
    this.#drop(route)
    if (this.#isClosed) socket.close()
    else route.socket = socket
  }

  #drop(route: Route): void {
    route.socket?.close()
    route.socket = undefined
    route.lookUpAtMs = Number.NEGATIVE_INFINITY
  }
}

/** `host`, `host:port`, `[v6]:port`, or a bare IPv6 address. */
export function routeOf(server: string): Route {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(server) ?? []
  const host = isIPv6(server) ? server : (bracketed ?? plain)
  const port = Number(digits ?? NTP_PORT)
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw new RangeError(`an NTP server is host or host:port, not '${server}'`)
  }
  return { host, port, socket: undefined, isLookingUp: false, lookUpAtMs: 0 }
}

const NTP_PORT = 123
const LOOK_UP_EVERY_MS = 15 * 60_000
const LOOK_UP_AGAIN_MS = 4_000
