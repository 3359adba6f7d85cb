import { Prng } from '../../src/base/prng.ts'
import { type Accusation, signAccusation } from '../../src/membership/accusation.ts'
import type {
  MembershipEffect,
  MembershipEvent,
  MembershipOptions,
} from '../../src/membership/core-types.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { Rumor, SwimMessage, SyncMessage } from '../../src/membership/message.ts'
import { profiles } from '../../src/membership/profile.ts'
import { type Description, type PeerRecord, signRecord } from '../../src/membership/record.ts'
import { noVitals } from '../../src/membership/vitals.ts'
import { sealOf } from '../sim/membership/sim-seal.ts'

export const NETWORK = 'test'

export const description: Description = {
  addresses: ['/ip4/10.0.0.1/tcp/4801'],
  zone: 'rack-1',
  version: '1.2.3',
  protocol: { min: 1, max: 3, current: 2 },
  meta: new Uint8Array([1, 2, 3]),
}

export const record = (
  peer: string,
  incarnation: number = 1,
  isLeft: boolean = false,
): PeerRecord => signRecord(sealOf(peer), NETWORK, { ...description, peer, incarnation, isLeft })

export const accusation = (
  kind: 'suspect' | 'dead',
  subject: string,
  {
    accuser,
    incarnation = 1,
    signer = accuser,
  }: { accuser: string; incarnation?: number; signer?: string },
): Accusation => signAccusation(sealOf(signer), NETWORK, { kind, subject, accuser, incarnation })

/** One core, `me`, whose every effect is looked at. */
export class Bench {
  readonly core: Membership
  nowMs = 0
  /** What its clock says; set it to say something else. */
  wallMs = (nowMs: number): number => nowMs

  constructor(options: Partial<MembershipOptions> = {}) {
    this.core = new Membership({
      self: 'me',
      network: NETWORK,
      description,
      seal: sealOf('me'),
      random: new Prng(1),
      profile: profiles.lan,
      ...options,
    })
  }

  /** A started core that knows these peers, with nothing left to tell. */
  static among(peers: readonly string[], options: Partial<MembershipOptions> = {}): Bench {
    const bench = new Bench(options)
    bench.step({ type: 'start', ceiling: 0 })
    const [first] = peers
    if (first === undefined) return bench
    const entries = peers.map(peer => ({ record: record(peer), accusation: undefined, ageMs: 0 }))
    const answer: SyncMessage = {
      type: 'differ',
      own: record(first),
      buckets: [],
      bucketCount: 1,
      entries,
    }
    bench.step({ type: 'answered', from: first, answer })
    bench.nowMs = 1
    return bench
  }

  step(event: MembershipEvent): readonly MembershipEffect[] {
    return this.core.step(event, this.nowMs)
  }

  hear(from: string, rumors: readonly Rumor[]): readonly MembershipEffect[] {
    return this.step({ type: 'datagram', from, message: { type: 'gossip', rumors } })
  }

  ping(from: string, seq: number = 7): readonly MembershipEffect[] {
    const message: SwimMessage = { type: 'ping', seq, vitals: noVitals, rumors: [] }
    return this.step({ type: 'datagram', from, message })
  }

  /** Wakes the core whenever it wants to be, for so long. */
  advance(ms: number): MembershipEffect[] {
    const untilMs = this.nowMs + ms
    const effects: MembershipEffect[] = []
    while (this.core.wakeAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.core.wakeAtMs)
      effects.push(...this.step({ type: 'wake', wallMs: this.wallMs(this.nowMs) }))
    }
    this.nowMs = untilMs
    return effects
  }

  state(peer: string): string | undefined {
    return this.core.peer(peer, this.nowMs)?.state
  }

  incarnation(): number {
    return this.core.peer('me', this.nowMs)?.incarnation ?? 0
  }
}

type Kind = MembershipEffect['type']
type Of<Name extends Kind> = Extract<MembershipEffect, { type: Name }>

export const only = <Name extends Kind>(
  effects: readonly MembershipEffect[],
  type: Name,
): Of<Name>[] => effects.filter((effect): effect is Of<Name> => effect.type === type)

/** What was sent, as `type to`. */
export const sent = (effects: readonly MembershipEffect[]): string[] =>
  only(effects, 'send').map(({ to, message }) => `${message.type} ${to}`)
