import type { Environment, PeerId, Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { isJoint } from '../../../src/consensus/configuration.ts'
import { ConsensusNode } from '../../../src/node/consensus/consensus-node.ts'
import { inMemory } from '../../../src/node/consensus/memory-state.ts'
import type { RaftGroup } from '../../../src/node/consensus/raft-group.ts'
import { peerOf } from '../../../src/node/consensus/replica-name.ts'
import { Wal } from '../../../src/storage/wal.ts'
import { demand, type Scenario, Violation } from '../scenario.ts'
import type { SimPeer } from '../sim-peer.ts'
import type { World } from '../world.ts'
import { ConsensusHistory } from './consensus-history.ts'
import { decodePosition, encodeNumber, NumbersMachine } from './consensus-machine.ts'
import { type ConsensusSwarm, drawConsensusSwarm } from './consensus-swarm.ts'

/**
 * Whole peers: the driver with its log, its snapshots and its streams, on disks that fail and links
 * that lose. Clients on every peer have numbers agreed on and ask how far that is; a steward moves
 * the group among the peers, and replaces replicas whose disk is gone or has rotted.
 *
 * What must hold: the history is linearizable; what was done is never lost and what was refused never
 * done; all members are the same at rest; once all is well a leader is there soon, everything
 * succeeds, and a quiet group is quiet.
 */
export const consensusScenario: Scenario = {
  name: 'consensus',
  minutes: 0.1,
  play: (world, minutes) => new ConsensusRun(world).play(minutes * 60_000),
}

const GROUP = 0
const DEADLINE_MS = 2_000
const RESTART_MS = 20
/**
 * How long after everything is well somebody has to lead: 5 s, once connections are there. One on
 * which nothing arrived is held for up to 15 s before another is made.
 */
const LEADER_WITHIN_MS = 20_000
const SAME_WITHIN_MS = 30_000
const STEWARD_EVERY_MS = 250
/** A learner this close is made a voter. */
const LAG_MAX = 50
/** What a quiet member may send in a second, several times what heartbeats need. */
const QUIET_MESSAGES = 150

interface Running {
  readonly node: ConsensusNode
  readonly machines: Map<number, NumbersMachine>
}

class ConsensusRun {
  readonly #world: World
  readonly #random: Random
  readonly #swarm: ConsensusSwarm
  readonly #peers: SimPeer[]
  readonly #history = new ConsensusHistory(() => this.#world.nowMs)
  readonly #running = new Map<PeerId, Running>()
  /** On which peers the voters are to be. */
  #wanted: readonly PeerId[] = []
  #isQuiet = false
  #isCalm = false
  readonly #counts = { starts: 0, crashes: 0, changes: 0, rots: 0, wipes: 0, cuts: 0, moves: 0 }

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('consensus scenario')
    this.#swarm = drawConsensusSwarm(this.#random.fork('settings'))
    Object.assign(world.network.defaults, this.#swarm.base.link)
    this.#peers = this.#swarm.peers.map(name =>
      world.addPeer(name, {
        clock: this.#swarm.base.clock,
        drive: this.#swarm.base.drive,
        program: (environment, peer) => this.#program(environment, peer),
      }),
    )
    this.#wanted = this.#swarm.peers.slice(0, this.#swarm.voters)
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const peer of this.#peers) this.#start(peer)
    await this.#awaitThat('the group is founded', SAME_WITHIN_MS, () => this.#history.answered > 0)
    for (const peer of this.#peers) Object.assign(peer.drive.faults, this.#swarm.base.faults)
    while (this.#world.nowMs < durationMs) {
      await this.#world.sleep(this.#random.exponential(this.#swarm.faultEveryMs))
      await this.#befall(this.#random.pick(this.#peers))
    }
    await this.#mend()
    return { ...this.#counts, ...this.#history.counts }
  }

  #start(peer: SimPeer): void {
    if (peer.isRunning) return
    this.#counts.starts++
    peer.start(error => {
      this.#running.delete(peer.name)
      if (error === undefined) return
      if (error instanceof Violation || codeOf(error) === undefined) this.#world.fail(error)
      else this.#world.schedule(RESTART_MS, () => this.#start(peer))
    })
  }

  async #program(environment: Environment, peer: SimPeer): Promise<void> {
    const { disk, timers, random, network } = environment
    const networkId = new Uint8Array(32).fill(9)
    const wal = await Wal.open({ disk, timers, random, networkId, ...this.#swarm.wal })
    const machines = new Map<number, NumbersMachine>()
    const { promise: failure, reject } = Promise.withResolvers<never>()
    const node = await ConsensusNode.open({
      environment,
      wal,
      states: inMemory(group => {
        const machine = new NumbersMachine()
        machines.set(group, machine)
        return machine
      }),
      raft: this.#swarm.raft,
      compaction: this.#swarm.compaction,
      failed: reject,
    })
    this.#running.set(peer.name, { node, machines })
    if (network.self === this.#peers[0]?.name && this.#history.answered === 0) {
      if (node.group(GROUP) === undefined) await node.found(GROUP)
    }
    const clients = Array.from({ length: this.#swarm.clients }, () =>
      this.#client(node, machines, environment),
    )
    await Promise.race([failure, ...clients, this.#steward(node, environment)])
  }

  async #client(
    node: ConsensusNode,
    machines: ReadonlyMap<number, NumbersMachine>,
    { timers, random }: Environment,
  ): Promise<void> {
    for (;;) {
      await sleep(timers, random.exponential(this.#swarm.thinkMs))
      if (node.group(GROUP) === undefined || this.#isQuiet) continue
      const kind = random.pick(['write', 'write', 'read', 'look'] as const)
      if (kind === 'write') await this.#write(node)
      else if (kind === 'read') await this.#read(node)
      else this.#history.seen(machines.get(GROUP)?.position ?? { index: 0, digest: 0 })
    }
  }

  async #write(node: ConsensusNode): Promise<void> {
    const { number, after } = this.#history.write()
    const startedMs = this.#world.nowMs
    try {
      const data = encodeNumber(number)
      const answer = await node.propose(GROUP, data, { deadlineMs: DEADLINE_MS })
      this.#history.wrote(number, after, decodePosition(answer))
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (['NO_QUORUM', 'BUSY', 'GROUP_UNKNOWN'].includes(code)) this.#history.refused(number)
      else if (code !== 'OUTCOME_UNKNOWN') throw error
    }
    // A pause of the peer is no fault of the call.
    const tookMs = this.#world.nowMs - startedMs
    if (this.#isCalm) demand(tookMs < DEADLINE_MS + 500, `a command took ${tookMs} ms`)
  }

  async #read(node: ConsensusNode): Promise<void> {
    const asked = this.#history.read()
    try {
      const options = { deadlineMs: DEADLINE_MS }
      const question = encodeNumber(asked.register)
      this.#history.hasRead(asked, decodePosition(await node.query(GROUP, question, options)))
    } catch (error) {
      if (!['NO_QUORUM', 'GROUP_UNKNOWN', 'TIMEOUT'].includes(codeOf(error) ?? '')) throw error
    }
  }

  /** Where the leader is: brings the members to where they are wanted. */
  async #steward(node: ConsensusNode, { timers }: Environment): Promise<void> {
    for (;;) {
      await sleep(timers, STEWARD_EVERY_MS)
      const group = node.group(GROUP)
      if (group?.role !== 'leader' || isJoint(group.configuration)) continue
      try {
        await this.#move(node, group)
      } catch (error) {
        if (codeOf(error) === undefined) throw error
      }
    }
  }

  async #move(node: ConsensusNode, group: RaftGroup): Promise<void> {
    const { voters, learners } = group.configuration
    const wanted: string[] = []
    for (const peer of this.#wanted) {
      // Whoever does not answer stays what it was.
      const known = voters.find(replica => peerOf(replica) === peer)
      wanted.push(await node.invite(peer, GROUP, { deadlineMs: 500 }).catch(() => known ?? ''))
    }
    const names = wanted.filter(name => name !== '')
    const isReady = (replica: string): boolean =>
      voters.includes(replica) ||
      replica === group.replica ||
      (group.members.get(replica)?.match ?? 0) + LAG_MAX >= group.commit
    const ready = names.filter(isReady)
    const joining = names.filter(replica => !voters.includes(replica))
    const hasAll = ready.length === this.#wanted.length
    const next = hasAll ? { voters: ready, learners: [] } : { voters, learners: joining }
    if (isSame(next, { voters, learners })) return
    this.#counts.changes++
    await node.change(GROUP, next)
  }

  async #befall(peer: SimPeer): Promise<void> {
    const { network } = this.#world
    const downMs = this.#random.exponential(this.#swarm.base.downMs)
    const [first = '', second = '', ...others] = this.#random.shuffle(this.#swarm.peers)
    const leader = this.#leaderPeer ?? peer
    const troubles: Record<string, () => void | Promise<void>> = {
      crash: () => this.#crash(peer),
      crashLeader: () => this.#crash(leader),
      crashAll: () => {
        for (const each of this.#peers) this.#crash(each)
      },
      pause: async () => this.#pause(this.#random.chance(0.5) ? leader : peer, downMs),
      cut: () => network.cut(first, second),
      isolate: () => this.#isolate(leader.name),
      halves: () => network.partition([first, second], others),
      transfer: () => this.#running.get(leader.name)?.node.group(GROUP)?.step({ type: 'transfer' }),
      move: () => this.#chooseOthers(),
      wipe: () => this.#wipe(),
      rot: () => this.#rot(),
    }
    const chosen = this.#random.pick(this.#swarm.troubles)
    await troubles[chosen]?.()
    await this.#world.sleep(downMs)
    if (this.#random.chance(0.7)) network.heal()
    for (const each of this.#peers) this.#start(each)
  }

  get #leaderPeer(): SimPeer | undefined {
    return this.#peers.find(
      ({ name, isRunning }) =>
        isRunning && this.#running.get(name)?.node.group(GROUP)?.role === 'leader',
    )
  }

  async #pause(peer: SimPeer, ms: number): Promise<void> {
    peer.pause()
    await this.#world.sleep(ms)
    peer.resume()
  }

  #crash(peer: SimPeer): void {
    if (!peer.isRunning) return
    this.#counts.crashes++
    this.#running.delete(peer.name)
    peer.crash(this.#random.chance(this.#swarm.base.powerShare) ? 'power' : 'process')
  }

  #isolate(name: PeerId): void {
    this.#counts.cuts++
    const others = this.#swarm.peers.filter(other => other !== name)
    const isBothWays = this.#random.chance(0.5)
    for (const other of others) {
      this.#world.network.cut(name, other)
      if (isBothWays) this.#world.network.cut(other, name)
    }
  }

  #chooseOthers(): void {
    this.#counts.moves++
    const least = this.#swarm.unlucky === undefined ? 1 : 3
    const most = this.#swarm.peers.length
    const count = Math.min(
      most,
      least + this.#random.below(Math.max(1, Math.min(7, most) - least + 1)),
    )
    this.#wanted = this.#random.shuffle(this.#swarm.peers).slice(0, count)
  }

  /** The one peer that loses its disk: what two promised, one can forget. */
  #wipe(): void {
    const peer = this.#unlucky
    if (peer === undefined) return
    this.#counts.wipes++
    this.#crash(peer)
    peer.loseDisk()
  }

  #rot(): void {
    const peer = this.#unlucky
    if (peer === undefined) return
    this.#crash(peer)
    // Of what the power cut has left.
    const files = peer.drive.files().filter(({ sizeBytes }) => sizeBytes > 0)
    if (files.length === 0) return
    this.#counts.rots++
    const { path, sizeBytes, newest } = this.#random.pick(files)
    const isNewest = newest.sizeBytes > 0 && this.#random.chance(0.7)
    const position = isNewest
      ? newest.position + this.#random.below(newest.sizeBytes)
      : this.#random.below(sizeBytes)
    peer.drive.rot(path, Math.min(position, sizeBytes - 1), 'bit')
  }

  /** As long as the group can do without it: from three settled voters on. */
  get #unlucky(): SimPeer | undefined {
    const leader = this.#leaderPeer
    const configuration = leader && this.#running.get(leader.name)?.node.group(GROUP)?.configuration
    if (configuration === undefined || leader?.name === this.#swarm.unlucky) return undefined
    if (configuration.voters.length < 3 || isJoint(configuration)) return undefined
    return this.#peers.find(({ name }) => name === this.#swarm.unlucky)
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    network.heal()
    for (const from of this.#swarm.peers) {
      for (const to of this.#swarm.peers) {
        Object.assign(network.link(from, to), {
          loss: 0,
          latencyMs: 1,
          jitterMs: 0.2,
          bytesPerMs: 10_000,
        })
      }
    }
    for (const peer of this.#peers) {
      for (const fault of Object.keys(peer.drive.faults)) {
        peer.drive.faults[fault as keyof typeof peer.drive.faults] = 0
      }
      peer.resume()
      this.#start(peer)
    }
    // A sync may still be on its slow way from before.
    await this.#awaitThat('every disk answers', SAME_WITHIN_MS, () => this.#areDisksWell())
    await this.#awaitThat('somebody leads', LEADER_WITHIN_MS, () => this.#leaderPeer !== undefined)
    await this.#awaitThat('the group is where it is wanted', SAME_WITHIN_MS, () =>
      this.#isSettled(),
    )
    await this.#awaitThat('commands are done', SAME_WITHIN_MS, this.#moreDone(5))
    this.#isQuiet = true
    await this.#world.sleep(DEADLINE_MS + 1_000)
    await this.#awaitThat('all members are the same', SAME_WITHIN_MS, () => this.#areSame())
    await this.#checkQuiet()
    const [leader] = [...this.#running.values()].filter(
      ({ node }) => node.group(GROUP)?.role === 'leader',
    )
    this.#history.reckon(leader?.machines.get(GROUP)?.numbers ?? [])
  }

  #areDisksWell(): boolean {
    return this.#peers.every(({ name }) => {
      const node = this.#running.get(name)?.node
      return node !== undefined && (node.group(GROUP)?.writingMs ?? 0) < 200
    })
  }

  #moreDone(count: number): () => boolean {
    const { done } = this.#history.counts
    return () => this.#history.counts.done >= done + count
  }

  /** The members are those that are wanted. */
  #isSettled(): boolean {
    const leader = this.#leaderPeer
    const group = leader && this.#running.get(leader.name)?.node.group(GROUP)
    if (group === undefined || isJoint(group.configuration)) return false
    const peers = group.configuration.voters.map(peerOf)
    return isSame({ voters: peers, learners: [] }, { voters: this.#wanted, learners: [] })
  }

  #areSame(): boolean {
    const states = this.#wanted.map(name => {
      const running = this.#running.get(name)
      const position = running?.machines.get(GROUP)?.position
      if (position !== undefined) this.#history.seen(position)
      return position?.index
    })
    return states.every(index => index !== undefined && index === states[0])
  }

  async #checkQuiet(): Promise<void> {
    const sent = (): number =>
      [...this.#running.values()].reduce((sum, { node }) => sum + node.messagesSent, 0)
    const before = sent()
    await this.#world.sleep(1_000)
    const perPeer = (sent() - before) / this.#wanted.length
    demand(perPeer <= QUIET_MESSAGES, `a quiet member sends ${perPeer} messages in a second`)
  }

  async #awaitThat(what: string, withinMs: number, holds: () => boolean): Promise<void> {
    const endMs = this.#world.nowMs + withinMs
    while (!holds()) {
      const why = (): string => `not within ${withinMs} ms: ${what}\n${this.#picture()}`
      if (this.#world.nowMs >= endMs) throw new Violation(why())
      await this.#world.sleep(50)
    }
  }

  #picture(): string {
    const lines = this.#peers.map(({ name }) => {
      const node = this.#running.get(name)?.node
      const damaged = node?.damaged.join(' ') ?? ''
      return `${node?.group(GROUP)?.describe() ?? `${name} has no group`} ${damaged}`
    })
    return [`wanted ${this.#wanted.join(' ')}`, ...lines].join('\n')
  }
}

interface Members {
  readonly voters: readonly string[]
  readonly learners: readonly string[]
}

const isSame = (a: Members, b: Members): boolean =>
  a.voters.toSorted().join(' ') === b.voters.toSorted().join(' ') &&
  a.learners.toSorted().join(' ') === b.learners.toSorted().join(' ')
