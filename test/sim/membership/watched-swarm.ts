import type { MembershipChange } from '../../../src/membership/core-types.ts'
import { SWIM_BYTES_MAX } from '../../../src/membership/message.ts'
import { demand } from '../scenario.ts'
import { type LeanNode, LeanSwarm, type LeanSwarmOptions } from './lean-swarm.ts'

/** A change that somebody saw. */
export interface Sighting {
  readonly atMs: number
  readonly observer: LeanNode
  readonly subject: LeanNode
  readonly kind: MembershipChange['kind']
  readonly incarnation: number
}

/** After trouble has ended everybody agrees within this. */
export const CONVERGE_MS = 60_000
/** Rumours told, retransmissions over: what is still said is probes. */
const QUIET_MS = 60_000
const MEASURE_MS = 20_000
/** Messages of an idle peer, per period. */
const IDLE_MESSAGES_MAX = 3

/**
 * A swarm under the eyes of checkers. After every change and message:
 * - nobody comes back from the dead at the incarnation it died with, in anybody's eyes;
 * - nobody is known by an incarnation that it has not reserved on its disk;
 * - only who said farewell has left;
 * - no datagram is larger than a packet.
 */
export class WatchedSwarm {
  readonly swarm: LeanSwarm
  readonly sightings: Sighting[] = []
  /** Incarnation at which an observer, in its present run, last saw a subject die. */
  readonly #deaths = new Map<string, number>()
  readonly #farewells = new Set<LeanNode>()
  messages = 0

  constructor(options: Omit<LeanSwarmOptions, 'onChange'>) {
    this.swarm = new LeanSwarm({ ...options, onChange: (node, change) => this.#see(node, change) })
    this.swarm.onSend = (_from, _to, _message, bytes) => {
      this.messages++
      demand(bytes <= SWIM_BYTES_MAX, `a datagram has ${bytes} bytes`)
    }
  }

  leave(node: LeanNode): void {
    this.#farewells.add(node)
    this.swarm.step(node, { type: 'leave' })
  }

  /** What was seen since a moment. */
  since(atMs: number, kind: Sighting['kind']): Sighting[] {
    return this.sightings.filter(sighting => sighting.atMs >= atMs && sighting.kind === kind)
  }

  /** Nobody was declared dead but those who may be. */
  demandNoDeath(sinceMs: number, mayDie: (sighting: Sighting) => boolean = () => false): void {
    const wrong = this.since(sinceMs, 'DEAD').find(sighting => !mayDie(sighting))
    const text = wrong === undefined ? '' : `${wrong.observer.index} saw ${wrong.subject.index} die`
    demand(wrong === undefined, `at ${wrong?.atMs} ${text}, which lives`)
  }

  /** How long until everybody who runs knows that everybody who runs is alive, and who is not. */
  convergence(limitMs: number = CONVERGE_MS): number {
    const startMs = this.swarm.nowMs
    while (this.swarm.nowMs - startMs < limitMs) {
      if (this.disagreement() === undefined) return this.swarm.nowMs - startMs
      this.swarm.advance(250)
    }
    const why = this.disagreement()
    demand(why === undefined, `no agreement ${limitMs} ms after all was mended: ${why}`)
    return limitMs
  }

  /** The first thing on which somebody is wrong. */
  disagreement(): string | undefined {
    const { running, nowMs } = this.swarm
    const incarnations = new Map(
      running.map(({ name, core }) => [name, core?.peer(name, nowMs)?.incarnation]),
    )
    for (const observer of running) {
      for (const subject of running) {
        const entry = observer.core?.peer(subject.name, nowMs)
        const isRight =
          entry?.state === 'alive' && entry.incarnation === incarnations.get(subject.name)
        if (isRight) continue
        const right = `alive ${incarnations.get(subject.name)}`
        return `${observer.index} holds ${subject.index} ${entry?.state} ${entry?.incarnation}, not ${right}`
      }
    }
    return undefined
  }

  /** In peace there are probes and nothing else. */
  demandQuiet(): void {
    this.swarm.advance(QUIET_MS)
    const busy = this.swarm.running.find(({ core }) => (core?.rumorCount ?? 0) > 0)
    demand(busy === undefined, `${busy?.index} still tells rumours`)
    const before = this.messages
    this.swarm.advance(MEASURE_MS)
    const periods = (MEASURE_MS / this.swarm.profile.periodMs) * this.swarm.running.length
    const each = (this.messages - before) / Math.max(1, periods)
    demand(each <= IDLE_MESSAGES_MAX, `${each} messages per idle peer and period`)
    demand(each > 0 || this.swarm.running.length < 2, 'nobody probes')
  }

  #see(observer: LeanNode, { kind, peer, incarnation }: MembershipChange): void {
    const subject = this.swarm.nodeOf(peer)
    this.sightings.push({ atMs: this.swarm.nowMs, observer, subject, kind, incarnation })
    const key = `${observer.index} ${observer.run} ${subject.index}`
    const who = `${observer.index} holds ${subject.index} ${kind}`
    demand(incarnation <= subject.ceiling, `${who} at ${incarnation}, reserved ${subject.ceiling}`)
    if (kind === 'DEAD') this.#deaths.set(key, incarnation)
    if (kind === 'ALIVE') {
      const died = this.#deaths.get(key) ?? -1
      demand(incarnation > died, `${who} at ${incarnation}, where it died`)
    }
    if (kind === 'LEFT') demand(this.#farewells.has(subject), `${who}, but it never did`)
  }
}
