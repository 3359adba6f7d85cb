import type { ClockOptions } from '../../src/clock/options.ts'
import { ClockService } from '../../src/node/clock/clock-service.ts'
import { SimNtpPort, SimNtpServer, trueUtcMs } from '../../test/sim/sim-ntp.ts'
import { World } from '../../test/sim/world.ts'

/** What a link costs one way: a constant, and an exponential part with this mean. */
export interface LinkKind {
  readonly name: string
  readonly latencyMs: number
  readonly jitterMs: number
}

export const links: readonly LinkKind[] = [
  { name: 'LAN', latencyMs: 0.1, jitterMs: 0.2 },
  { name: '5 ms jitter', latencyMs: 2, jitterMs: 5 },
]

export interface FleetOptions {
  readonly peers: number
  readonly servers: number
  readonly link: LinkKind
  readonly clock: Partial<ClockOptions>
  readonly seed: number
}

const DRIFT_PPM_MAX = 50
const SKEW_MS_MAX = 100

/** Peers in a simulated world that do nothing but keep time. */
export class Fleet {
  readonly world: World
  readonly services: ClockService[] = []
  readonly #servers: Map<string, SimNtpServer>

  constructor({ peers, servers, link, clock, seed }: FleetOptions) {
    this.world = new World(seed)
    const { latencyMs, jitterMs } = link
    Object.assign(this.world.network.defaults, { latencyMs, jitterMs })
    const route = { thereMs: latencyMs, backMs: latencyMs, jitterMs, loss: 0, isCut: false }
    const serverNames = Array.from({ length: servers }, (_, at) => `ntp-${at}`)
    this.#servers = new Map(serverNames.map(name => [name, new SimNtpServer(this.world, name)]))
    const names = Array.from({ length: peers }, (_, at) => `p${at}`)
    for (const name of names) {
      const spread = (): number => this.world.random.float() * 2 - 1
      const drawn = { skewMs: spread() * SKEW_MS_MAX, driftPpm: spread() * DRIFT_PPM_MAX }
      const peer = this.world.addPeer(name, {
        clock: drawn,
        program: async (environment, self) => {
          const ports = {
            servers: this.#servers,
            routeTo: () => route,
            deliver: self.receiver(),
          }
          const ntp = new SimNtpPort(this.world, ports)
          const seams = { environment, ntp, asleepMs: () => 0 }
          const options = { ...clock, servers: serverNames }
          const others = names.filter(other => other !== name)
          this.services.push(await ClockService.start(seams, options, others))
          await new Promise(() => undefined)
        },
      })
      peer.start()
    }
  }

  silence(isSilent: boolean): void {
    for (const server of this.#servers.values()) server.isSilent = isSilent
  }

  /** Lets time pass; `look` is called now and then. */
  pass(ms: number, everyMs: number, look: () => void): Promise<void> {
    return this.world.play(async () => {
      for (const endMs = this.world.nowMs + ms; this.world.nowMs < endMs;) {
        await this.world.sleep(everyMs)
        look()
      }
    })
  }

  /** How far each clock is off, and how far it says it may be: from UTC, or from the middle one. */
  look(hasServers: boolean): { errorMs: number; boundMs: number }[] {
    const told = this.services.map(service => service.now())
    const sorted = told.map(({ atMs }) => atMs).toSorted((a, b) => a - b)
    const middleMs = sorted[sorted.length >> 1] ?? Number.NaN
    const truthMs = hasServers ? trueUtcMs(this.world) : middleMs
    return told.map(({ atMs, latestMs }) => ({
      errorMs: Math.abs(atMs - truthMs),
      boundMs: latestMs - atMs,
    }))
  }
}
