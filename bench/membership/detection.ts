import { profiles, type ProfileName } from '../../src/membership/profile.ts'
import { LeanSwarm } from '../../test/sim/membership/lean-swarm.ts'
import { percentile } from './table.ts'

export interface Detection {
  readonly profile: ProfileName
  readonly size: number
  readonly ending: 'power' | 'killed'
  readonly deaths: number
  /** Milliseconds from the death to the first suspicion, first verdict, and everybody's verdict. */
  readonly suspectMs: readonly number[]
  readonly firstMs: readonly number[]
  readonly allMs: readonly number[]
  /** From the first verdict to everybody's. */
  readonly spreadMs: readonly number[]
  readonly falseDeaths: number
  readonly idle: Idle
}

/** What an idle peer sends, per second. */
export interface Idle {
  readonly messages: number
  readonly bytes: number
}

const SETTLE_MS = 40_000
const IDLE_MS = 60_000
/** Longer than any detection takes. */
const WATCH_MS = 40_000
/** Deaths in one swarm, so that it stays about as large. */
const DEATHS_SHARE = 0.1

export interface DetectionSetting {
  readonly deaths: number
  readonly ending: 'power' | 'killed'
  /** How wrong clocks are at most. */
  readonly clockErrorMs: number
}

/** Ends one peer after the other and watches the rest find out. */
export function measureDetection(
  profile: ProfileName,
  size: number,
  { deaths, ending, clockErrorMs }: DetectionSetting,
): Detection {
  const result = { suspectMs: [] as number[], firstMs: [] as number[], allMs: [] as number[] }
  let falseDeaths = 0
  const idles: Idle[] = []
  const perSwarm = Math.max(1, Math.floor(size * DEATHS_SHARE))
  for (let seed = 1, done = 0; done < deaths; seed++, done += perSwarm) {
    const watch = { victim: -1, sinceMs: 0, suspectMs: 0, firstMs: 0, allMs: 0 }
    const swarm: LeanSwarm = new LeanSwarm({
      size,
      seed,
      profile: profiles[profile],
      onChange: (_, { kind, peer }) => {
        const afterMs = swarm.nowMs - watch.sinceMs
        const isVictim = swarm.nodeOf(peer).index === watch.victim
        if (kind === 'SUSPECT' && isVictim) watch.suspectMs ||= afterMs
        if (kind !== 'DEAD') return
        if (!isVictim) falseDeaths++
        watch.firstMs ||= afterMs
        watch.allMs = afterMs
      },
    })
    swarm.setClocks(clockErrorMs)
    swarm.startAcquainted()
    swarm.advance(SETTLE_MS)
    idles.push(measureIdle(swarm))
    for (let death = 0; death < perSwarm && done + death < deaths; death++) {
      swarm.advance(swarm.random.float() * swarm.profile.periodMs)
      const victim = swarm.random.pick(swarm.running)
      Object.assign(watch, { victim: victim.index, sinceMs: swarm.nowMs })
      Object.assign(watch, { suspectMs: 0, firstMs: 0, allMs: 0 })
      if (ending === 'killed') swarm.kill(victim)
      else swarm.crash(victim)
      swarm.advance(WATCH_MS)
      const misses = swarm.running.some(
        ({ core }) => core?.peer(victim.name, swarm.nowMs)?.state !== 'dead',
      )
      result.suspectMs.push(watch.suspectMs)
      result.firstMs.push(watch.firstMs)
      result.allMs.push(misses ? Number.POSITIVE_INFINITY : watch.allMs)
    }
  }
  const spreadMs = result.allMs.map((allMs, at) => allMs - (result.firstMs[at] ?? 0))
  const idle = {
    messages: percentile(
      idles.map(({ messages }) => messages),
      0.5,
    ),
    bytes: percentile(
      idles.map(({ bytes }) => bytes),
      0.5,
    ),
  }
  return { profile, size, ending, deaths, ...result, spreadMs, falseDeaths, idle }
}

function measureIdle(swarm: LeanSwarm): Idle {
  for (const node of swarm.nodes) Object.assign(node, { sentMessages: 0, sentBytes: 0 })
  swarm.advance(IDLE_MS)
  const sum = (of: (node: (typeof swarm.nodes)[number]) => number): number =>
    swarm.nodes.reduce((total, node) => total + of(node), 0) /
    swarm.nodes.length /
    (IDLE_MS / 1_000)
  return { messages: sum(node => node.sentMessages), bytes: sum(node => node.sentBytes) }
}
