/**
 * Groups of Raft cores on shared peers in virtual time: messages travel, disks sync, and every step
 * takes a peer some processor time, so that what batching, pipelining and many groups are good for can
 * be seen apart from any machine. A peer's one disk serves all its groups: what waits when a sync
 * begins goes with it, unless that is turned off.
 */
import { Prng } from '../../src/base/prng.ts'
import { TimerQueue } from '../../src/base/timer-queue.ts'
import type { Message } from '../../src/consensus/message.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { Cluster, type Replica } from '../../test/consensus/cluster.ts'

const TICK_MS = 10
const PENDING_MAX = 1_000_000

export interface TimedOptions {
  readonly peers: number
  readonly groups: number
  readonly raft?: Partial<RaftOptions>
  readonly seed: number
  /** One way. @default 0.25 ms, and an exponential 0.05 */
  readonly latencyMs?: number
  /** @default 1 */
  readonly syncMs?: number
  /** Whether a sync takes along all that waits. @default true */
  readonly gathers?: boolean
}

/** What a message or a call takes a peer. */
const STEP_MS = 0.02
const JITTER_MS = 0.05

interface Disk {
  readonly waiting: (() => void)[]
  isBusy: boolean
}

export class TimedGroups {
  readonly clusters: readonly Cluster[]
  readonly #options: TimedOptions
  readonly #random: Prng
  readonly #queue = new TimerQueue<() => void>(PENDING_MAX)
  readonly #disks = new Map<string, Disk>()
  readonly #busyUntilMs = new Map<string, number>()
  readonly #cut = new Set<string>()
  readonly #waiters: Map<string, () => void>[]
  /** Proposals that were accepted, and are answered when their index is applied. */
  readonly #accepted: Map<number, number>[]
  nowMs = 0
  messages = 0

  constructor(options: TimedOptions) {
    this.#options = options
    this.#random = new Prng(options.seed)
    const voters = Array.from({ length: options.peers }, (_, at) => `p${at}`)
    for (const peer of voters) this.#disks.set(peer, { waiting: [], isBusy: false })
    this.clusters = Array.from(
      { length: options.groups },
      (_, at) =>
        new Cluster(
          { voters, learners: [] },
          { options: options.raft ?? {}, random: this.#random.fork(`group ${at}`) },
        ),
    )
    this.#waiters = this.clusters.map(() => new Map())
    this.#accepted = this.clusters.map(() => new Map())
    for (const [at, cluster] of this.clusters.entries()) this.#watch(at, cluster)
    this.#tick()
  }

  leader(group: number): Replica | undefined {
    const leaders = [...(this.clusters[group]?.replicas.values() ?? [])].filter(
      ({ id, raft }) => raft?.role === 'leader' && !this.#cut.has(id),
    )
    return leaders.toSorted((a, b) => (b.raft?.term ?? 0) - (a.raft?.term ?? 0))[0]
  }

  /** Runs until it holds, or for so long; says whether it holds. */
  run(ms: number, holds: () => boolean = () => false): boolean {
    const endMs = this.nowMs + ms
    for (;;) {
      if (holds()) return true
      const due = this.#queue.peek()
      if (due === undefined || due.atMs > endMs) {
        this.nowMs = endMs
        return holds()
      }
      this.#queue.cancel(due)
      this.nowMs = due.atMs
      due.value()
      this.#sweep()
    }
  }

  /** Asks the leader to agree on something; `done` when it is agreed on. */
  propose(group: number, done: () => void): void {
    this.#ask(group, leader => {
      const cluster = this.clusters[group] as Cluster
      const id = cluster.propose(leader.id, new Uint8Array(200))
      this.#waiters[group]?.set(`p${id}`, done)
      this.#settle(group, leader)
    })
  }

  /** Asks the leader when a read is safe. */
  read(group: number, done: () => void): void {
    this.#ask(group, leader => {
      const cluster = this.clusters[group] as Cluster
      this.#pendingRead = done
      const id = cluster.read(leader.id)
      if (this.#pendingRead !== undefined) this.#waiters[group]?.set(`r${id}`, done)
      this.#pendingRead = undefined
    })
  }

  /** Set while a read is asked for: under a lease it is answered at once. */
  #pendingRead: (() => void) | undefined

  crash(peer: string): void {
    this.#cut.add(peer)
    for (const cluster of this.clusters) cluster.crash(peer)
  }

  /** Nobody hears this peer any more, and it hears nobody. */
  isolate(peer: string): void {
    this.#cut.add(peer)
  }

  after(ms: number, act: () => void): void {
    this.#queue.push(this.nowMs + ms, act)
  }

  /** Once the peer has time for it. */
  #ask(group: number, act: (leader: Replica) => void): void {
    const leader = this.leader(group)
    if (leader === undefined) this.after(TICK_MS, () => this.#ask(group, act))
    else
      this.#work(leader.id, () => {
        if (leader.raft?.role === 'leader') act(leader)
        else this.#ask(group, act)
      })
  }

  #work(peer: string, act: () => void): void {
    const freeMs = Math.max(this.nowMs, this.#busyUntilMs.get(peer) ?? 0) + STEP_MS
    this.#busyUntilMs.set(peer, freeMs)
    this.after(freeMs - this.nowMs, act)
  }

  #tick(): void {
    for (const cluster of this.clusters)
      for (const replica of cluster.replicas.values()) {
        replica.nowMs = this.nowMs
        cluster.step(replica.id, { type: 'tick' })
      }
    this.after(TICK_MS, () => this.#tick())
  }

  #watch(group: number, cluster: Cluster): void {
    for (const replica of cluster.replicas.values()) replica.isPrompt = false
    const written = new Map<string, number>()
    cluster.watch = (replica, effect) => {
      replica.nowMs = this.nowMs
      if (effect.type === 'accepted') this.#accepted[group]?.set(effect.id, effect.index)
      if (effect.type === 'readReady')
        for (const id of effect.ids) {
          if (this.#pendingRead !== undefined && !this.#answer(group, `r${id}`)) {
            const done = this.#pendingRead
            this.#pendingRead = undefined
            this.after(0, done)
          } else this.#answer(group, `r${id}`)
        }
      if (effect.type === 'apply') this.after(0, () => this.#settle(group, replica))
      if (effect.type === 'persist') {
        written.set(replica.id, (written.get(replica.id) ?? 0) + 1)
        this.#write(replica.id, () => cluster.write(replica.id, 1))
      }
    }
  }

  #answer(group: number, key: string): boolean {
    const done = this.#waiters[group]?.get(key)
    if (done === undefined) return false
    this.#waiters[group]?.delete(key)
    this.after(0, done)
    return true
  }

  /** Answers what this replica, if it leads, has applied. */
  #settle(group: number, replica: Replica): void {
    if (replica.raft?.role !== 'leader') return
    const appliedIndex = replica.applied.at(-1)?.index ?? 0
    for (const [id, index] of this.#accepted[group] ?? []) {
      if (index > appliedIndex) break
      this.#accepted[group]?.delete(id)
      this.#answer(group, `p${id}`)
    }
  }

  #write(peer: string, done: () => void): void {
    const disk = this.#disks.get(peer) as Disk
    disk.waiting.push(done)
    if (!disk.isBusy) this.#sync(disk)
  }

  #sync(disk: Disk): void {
    const { gathers = true, syncMs = 1 } = this.#options
    disk.isBusy = true
    const batch = disk.waiting.splice(0, gathers ? disk.waiting.length : 1)
    this.after(syncMs, () => {
      for (const done of batch) done()
      disk.isBusy = false
      if (disk.waiting.length > 0) this.#sync(disk)
    })
  }

  #sweep(): void {
    for (const cluster of this.clusters)
      for (const message of cluster.wire.splice(0)) this.#post(cluster, message)
  }

  #post(cluster: Cluster, message: Message): void {
    this.messages++
    const delayMs = (this.#options.latencyMs ?? 0.25) + this.#random.exponential(JITTER_MS)
    this.after(delayMs, () => {
      if (this.#cut.has(message.from) || this.#cut.has(message.to)) return
      this.#work(message.to, () => cluster.deliver(message))
    })
  }
}
