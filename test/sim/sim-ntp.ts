import type { NtpPort } from '../../src/node/clock/ntp-port.ts'
import { EPOCH_MS } from './sim-clock.ts'
import type { World } from './world.ts'

/** How the way to a server and back behaves. One way; the exponential part is drawn each time. */
export interface NtpRoute {
  thereMs: number
  backMs: number
  jitterMs: number
  loss: number
  isCut: boolean
}

/** The time as it truly is. */
export const trueUtcMs = (world: World): number => EPOCH_MS + world.nowMs

/** An NTP server: honest, or off by a lie, or silent, or bad in one of the ways of the protocol. */
export class SimNtpServer {
  readonly name: string
  lieMs = 0
  isSilent = false
  isUnsynchronised = false
  readonly #world: World

  constructor(world: World, name: string) {
    this.#world = world
    this.name = name
  }

  answer(request: Uint8Array): Uint8Array {
    const answer = new Uint8Array(48)
    answer[0] = (this.isUnsynchronised ? 0xc0 : 0) | 0x24
    answer[1] = this.isUnsynchronised ? 16 : 2
    answer.set(request.subarray(40, 48), 24)
    writeTime(answer, 32, trueUtcMs(this.#world) + this.lieMs)
    writeTime(answer, 40, trueUtcMs(this.#world) + this.lieMs)
    return answer
  }
}

/** Fixed-point seconds since 1900, modulo 2^32. */
export function writeTime(bytes: Uint8Array, offset: number, utcMs: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const seconds = Math.floor(utcMs / 1000)
  view.setUint32(offset, (seconds + 2_208_988_800) % 2 ** 32)
  view.setUint32(offset + 4, Math.floor((utcMs - seconds * 1000) * 4_294_967.296))
}

/** One process's way to the servers. */
export class SimNtpPort implements NtpPort {
  readonly #world: World
  readonly #servers: ReadonlyMap<string, SimNtpServer>
  readonly #routeTo: (server: string) => NtpRoute
  readonly #deliver: (callback: () => void) => void
  #handler: (bytes: Uint8Array) => void = () => undefined
  #lastCookie: number

  constructor(
    world: World,
    {
      servers,
      routeTo,
      deliver,
    }: {
      servers: ReadonlyMap<string, SimNtpServer>
      routeTo: (server: string) => NtpRoute
      deliver: (callback: () => void) => void
    },
  ) {
    this.#world = world
    this.#servers = servers
    this.#routeTo = routeTo
    this.#deliver = deliver
    this.#lastCookie = world.random.u32()
  }

  send(name: string, bytes: Uint8Array): void {
    const server = this.#servers.get(name)
    const route = this.#routeTo(name)
    const { random } = this.#world
    if (server === undefined || route.isCut || random.chance(route.loss)) return
    this.#world.schedule(route.thereMs + random.exponential(route.jitterMs), () => {
      if (server.isSilent || route.isCut) return
      const answer = server.answer(bytes)
      this.#world.schedule(route.backMs + random.exponential(route.jitterMs), () => {
        if (!route.isCut) this.#deliver(() => this.#handler(answer))
      })
    })
  }

  onMessage(handler: (bytes: Uint8Array) => void): void {
    this.#handler = handler
  }

  cookie(): Uint8Array {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setUint32(0, ++this.#lastCookie)
    return bytes
  }

  close(): void {
    this.#handler = () => undefined
  }
}
