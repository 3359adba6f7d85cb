import { fromUtf8 } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/environment.ts'
import { TimerQueue } from '../../../src/base/timer-queue.ts'
import { describe } from '../../../src/consensus/describe.ts'
import type { ReplicaId } from '../../../src/consensus/entry.ts'
import type { Message } from '../../../src/consensus/message.ts'
import { Cluster, type Replica, type SnapshotAsked } from '../../consensus/cluster.ts'
import { demand, type Scenario } from '../scenario.ts'
import type { World } from '../world.ts'
import { RaftInvariants } from './raft-invariants.ts'
import { drawRaftSwarm, type RaftSwarm } from './raft-swarm.ts'

/**
 * The core alone: replicas whose messages are delayed, doubled, lost and cut, whose writes are slow
 * and lost in a crash, that pause, change their membership, compact and send snapshots. No promise,
 * no driver, so a minute takes a few milliseconds and rare orders of events are met.
 */
export const raftScenario: Scenario = {
  name: 'raft',
  minutes: 0.5,
  play: async (world, minutes) => {
    const run = new RaftRun(world)
    run.play(minutes * 60_000)
    await world.sleep(run.nowMs)
    return run.counts
  },
}

const TICK_MS = 10
const PENDING_MAX = 1_000_000
const EVENTS_MAX = 3_000_000
/** How long after everything was mended somebody has to lead, and all to be the same. */
const LEADER_WITHIN_MS = 5_000
const SAME_WITHIN_MS = 15_000
/** What a quiet group may send: heartbeats and answers, several times over. */
const QUIET_MESSAGES_PER_PEER_SECOND = 120

class RaftRun {
  readonly #random: Random
  readonly #swarm: RaftSwarm
  readonly #cluster: Cluster
  readonly #invariants: RaftInvariants
  readonly #queue = new TimerQueue<() => void>(PENDING_MAX)
  readonly #world: World
  nowMs = 0
  readonly counts = {
    messages: 0,
    proposals: 0,
    committed: 0,
    reads: 0,
    elections: 0,
    changes: 0,
    snapshots: 0,
    crashes: 0,
  }
  #events = 0
  #isCalm = false
  /** Nobody asks for anything any more. */
  #isQuiet = false
  #lastCommand = 0
  /** Messages seen on the wire already, and writes seen in a queue. */
  readonly #lastWriteMs = new Map<ReplicaId, number>()
  readonly #writesSeen = new Map<ReplicaId, number>()
  readonly #cuts = new Set<string>()
  readonly #paused = new Map<ReplicaId, (() => void)[]>()

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('raft scenario')
    this.#swarm = drawRaftSwarm(this.#random.fork('settings'))
    const { founders, spares, options } = this.#swarm
    this.#cluster = new Cluster(
      { voters: founders, learners: [] },
      { options, random: this.#random.fork('replicas') },
    )
    for (const spare of spares) this.#cluster.add(spare)
    this.#invariants = new RaftInvariants(this.#cluster)
    this.#cluster.watch = (replica, effect) => {
      this.#invariants.see(replica, effect)
      if (effect.type === 'role' && effect.role === 'leader') this.counts.elections++
      if (effect.type === 'install') this.counts.snapshots++
    }
    for (const replica of this.#cluster.replicas.values()) replica.isPrompt = false
  }

  play(durationMs: number): void {
    this.#every(TICK_MS, () => this.#tick())
    this.#every(this.#swarm.proposeEveryMs, () => this.#propose())
    this.#every(this.#swarm.readEveryMs, () => this.#read())
    this.#every(this.#swarm.changeEveryMs, () => this.#change())
    this.#every(this.#swarm.compactEveryMs, () => this.#compact())
    this.#every(this.#swarm.faultEveryMs, () => this.#befall())
    this.#runUntil(durationMs)
    this.#mend()
    this.counts.committed = this.#invariants.committed
  }

  #every(meanMs: number, act: () => void): void {
    if (meanMs === 0) return
    const delayMs = meanMs === TICK_MS ? TICK_MS : this.#random.exponential(meanMs)
    this.#after(delayMs, () => {
      if (this.#isQuiet && meanMs !== TICK_MS) return
      act()
      this.#every(meanMs, act)
    })
  }

  #after(delayMs: number, act: () => void): void {
    this.#queue.push(this.nowMs + delayMs, act)
  }

  #runUntil(endMs: number): void {
    for (let due = this.#queue.peek(); due !== undefined && due.atMs <= endMs;) {
      this.#queue.cancel(due)
      this.nowMs = due.atMs
      demand(++this.#events < EVENTS_MAX, 'the replicas talk too much: too many events')
      due.value()
      this.#sweep()
      due = this.#queue.peek()
    }
    this.nowMs = endMs
  }

  get #replicas(): Replica[] {
    return [...this.#cluster.replicas.values()]
  }

  #tick(): void {
    for (const replica of this.#replicas) {
      replica.nowMs = this.nowMs
      if (!this.#paused.has(replica.id)) this.#cluster.step(replica.id, { type: 'tick' })
    }
  }

  /** Sends what was put on the wire on its way, and what was written to the disks. */
  #sweep(): void {
    for (const message of this.#cluster.wire.splice(0)) this.#post(message)
    for (const replica of this.#replicas) {
      const seen = this.#writesSeen.get(replica.id) ?? 0
      for (let at = seen; at < replica.writes.length; at++) this.#write(replica)
      this.#writesSeen.set(replica.id, Math.max(seen, replica.writes.length))
      for (const asked of replica.sending.splice(0)) this.#carry(replica, asked)
    }
  }

  #post(message: Message): void {
    this.counts.messages++
    const { link } = this.#swarm
    const calm = this.#isCalm
    if (!calm && this.#random.chance(link.loss)) return
    const copies = !calm && this.#random.chance(link.duplicate) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const isLate = !calm && this.#random.chance(link.late)
      const delayMs = this.#random.exponential(isLate ? 600 : calm ? 1 : link.latencyMs)
      this.#after(delayMs, () => this.#arrive(message))
    }
  }

  #arrive(message: Message): void {
    if (this.#cuts.has(`${message.from} ${message.to}`)) return
    const act = (): void => this.#cluster.deliver(message)
    const backlog = this.#paused.get(message.to)
    if (backlog === undefined) act()
    else backlog.push(act)
  }

  #write(replica: Replica): void {
    const { id, starts } = replica
    const mean = this.#isCalm ? 1 : this.#swarm.syncMs * (this.#swarm.slowDisks.get(id) ?? 1)
    const last = this.#lastWriteMs.get(id) ?? 0
    const dueMs = Math.max(last, this.nowMs + this.#random.exponential(mean))
    this.#lastWriteMs.set(id, dueMs)
    this.#after(dueMs - this.nowMs, () => {
      if (replica.starts !== starts || !replica.isUp) return
      const act = (): void => {
        this.#writesSeen.set(id, Math.max(0, (this.#writesSeen.get(id) ?? 0) - 1))
        this.#cluster.write(id, 1)
      }
      const backlog = this.#paused.get(id)
      if (backlog === undefined) act()
      else backlog.push(act)
    })
  }

  #carry(replica: Replica, asked: SnapshotAsked): void {
    const { starts } = replica
    this.#after(this.#random.exponential(this.#isCalm ? 5 : 50), () => {
      if (replica.starts !== starts || !replica.isUp) return
      replica.sending.unshift(asked)
      const isCut = this.#cuts.has(`${replica.id} ${asked.to}`) || this.#paused.has(asked.to)
      this.#cluster.carrySnapshot(replica.id, !isCut && !this.#random.chance(0.1))
    })
  }

  get #leaders(): Replica[] {
    return this.#replicas.filter(({ raft }) => raft?.role === 'leader')
  }

  #propose(): void {
    const replica = this.#random.pick(this.#leaders.length > 0 ? this.#leaders : this.#replicas)
    if (!replica.isUp || this.#paused.has(replica.id)) return
    this.counts.proposals++
    this.#cluster.propose(replica.id, fromUtf8(`${++this.#lastCommand}`))
  }

  #read(): void {
    const replica = this.#random.pick(this.#leaders.length > 0 ? this.#leaders : this.#replicas)
    if (!replica.isUp || this.#paused.has(replica.id)) return
    this.counts.reads++
    this.#invariants.asked(() => this.#cluster.read(replica.id))
  }

  /** Some leader is asked for another membership, or to hand over. */
  #change(): void {
    const [leader] = this.#leaders
    if (this.#isCalm || leader === undefined || this.#paused.has(leader.id)) return
    this.counts.changes++
    if (this.#random.chance(0.3)) {
      this.#cluster.step(leader.id, { type: 'transfer' })
      return
    }
    const { founders, spares } = this.#swarm
    const shuffled = this.#random.shuffle([...founders, ...spares])
    const voters = shuffled.slice(0, 1 + this.#random.below(Math.min(5, shuffled.length)))
    const learners = shuffled.slice(voters.length, voters.length + this.#random.below(2))
    this.#cluster.change(leader.id, { voters, learners })
  }

  #compact(): void {
    const { id, isUp, applied } = this.#random.pick(this.#replicas)
    if (!isUp || this.#paused.has(id)) return
    const last = applied.at(-1)?.index ?? 0
    this.#cluster.compact(id, Math.max(0, last - this.#random.below(20)))
  }

  #befall(): void {
    const { weights } = this.#swarm
    const total = weights.reduce((sum, { weight }) => sum + weight, 0)
    let at = this.#random.float() * total
    const chosen = weights.find(({ weight }) => (at -= weight) < 0)
    const victim = this.#random.pick(this.#replicas)
    const downMs = this.#random.exponential(this.#swarm.downMs)
    switch (chosen?.fault) {
      case 'crash':
        return this.#crash(victim, downMs)
      case 'crash leader':
        return this.#crash(this.#leaders[0] ?? victim, downMs)
      case 'crash all':
        for (const replica of this.#replicas) this.#crash(replica, downMs)
        return
      case 'pause':
        return this.#pause(this.#random.chance(0.5) ? (this.#leaders[0] ?? victim) : victim, downMs)
      case 'isolate leader':
        return this.#cut(this.#leaders[0] ?? victim, downMs)
      case 'one way':
        return this.#cutSome(0.3, downMs)
      case 'halves':
        return this.#halve(downMs)
      case undefined:
    }
  }

  #crash(replica: Replica, downMs: number): void {
    if (!replica.isUp) return
    this.counts.crashes++
    this.#paused.delete(replica.id)
    this.#cluster.crash(replica.id, this.#random.below(replica.writes.length + 1))
    this.#writesSeen.set(replica.id, 0)
    this.#lastWriteMs.set(replica.id, 0)
    this.#invariants.crashed(replica)
    this.#after(downMs, () => this.#start(replica))
  }

  #start(replica: Replica): void {
    if (replica.isUp) return
    replica.nowMs = this.nowMs
    this.#cluster.start(replica.id)
  }

  #pause({ id, isUp }: Replica, ms: number): void {
    if (!isUp || this.#paused.has(id)) return
    const backlog: (() => void)[] = []
    this.#paused.set(id, backlog)
    this.#after(ms, () => this.#resume(id, backlog))
  }

  #resume(id: ReplicaId, backlog: (() => void)[]): void {
    if (this.#paused.get(id) !== backlog) return
    this.#paused.delete(id)
    this.#cluster.of(id).nowMs = this.nowMs
    for (const act of backlog) act()
  }

  #cut({ id }: Replica, ms: number): void {
    const others = this.#replicas.filter(other => other.id !== id)
    const isBothWays = this.#random.chance(0.6)
    for (const other of others) {
      this.#cuts.add(`${id} ${other.id}`)
      if (isBothWays) this.#cuts.add(`${other.id} ${id}`)
    }
    this.#after(ms, () => this.#cuts.clear())
  }

  #cutSome(share: number, ms: number): void {
    for (const a of this.#replicas) {
      for (const b of this.#replicas)
        if (this.#random.chance(share)) this.#cuts.add(`${a.id} ${b.id}`)
    }
    this.#after(ms, () => this.#cuts.clear())
  }

  /** Two halves, and half of the time somebody whom both can reach. */
  #halve(ms: number): void {
    const shuffled = this.#random.shuffle(this.#replicas)
    const bridge = this.#random.chance(0.5) ? shuffled.pop() : undefined
    const middle = this.#random.below(shuffled.length + 1)
    for (const a of shuffled.slice(0, middle)) {
      for (const b of shuffled.slice(middle)) {
        this.#cuts.add(`${a.id} ${b.id}`)
        this.#cuts.add(`${b.id} ${a.id}`)
      }
    }
    if (bridge !== undefined) this.#world.note('raft', `bridge ${bridge.id}`)
    this.#after(ms, () => this.#cuts.clear())
  }

  /** Everything is well again: somebody leads soon, takes proposals, and all become the same. */
  #mend(): void {
    this.#isCalm = true
    this.#swarm.weights.length = 0
    this.#cuts.clear()
    for (const [id, backlog] of this.#paused) this.#resume(id, backlog)
    for (const replica of this.#replicas) this.#start(replica)
    this.#sweep()
    this.#awaitThat('somebody leads', LEADER_WITHIN_MS, () => this.#leaders.length > 0)
    const { committed } = this.#invariants
    this.#awaitThat('proposals are committed', SAME_WITHIN_MS, () => {
      this.#propose()
      return this.#invariants.committed > committed + 3
    })
    this.#isQuiet = true
    this.#awaitThat('all members are the same', SAME_WITHIN_MS, () => this.#invariants.areSame())
    this.#runUntil(this.nowMs + 1_000)
    const before = this.counts.messages
    this.#runUntil(this.nowMs + 1_000)
    const sent = this.counts.messages - before
    const budget = QUIET_MESSAGES_PER_PEER_SECOND * this.#replicas.length
    demand(sent <= budget, `a quiet group sends ${sent} messages in a second${this.#picture()}`)
  }

  /** Everybody's state, to see why. */
  #picture(): string {
    const up = this.#replicas.flatMap(({ raft }) => (raft === undefined ? [] : [describe(raft)]))
    return `\n${up.join('\n')}`
  }

  #awaitThat(what: string, withinMs: number, holds: () => boolean): void {
    const endMs = this.nowMs + withinMs
    while (!holds()) {
      demand(
        this.nowMs < endMs,
        `not within ${withinMs} ms of everything being well: ${what}${this.#picture()}`,
      )
      this.#runUntil(this.nowMs + 100)
    }
  }
}
