import { toUtf8 } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { rangeOf } from '../../../src/catalog/queries.ts'
import type { RangeState } from '../../../src/catalog/records.ts'
import { tiles } from '../../../src/catalog/shard-map.ts'
import { stateHash } from '../../../src/catalog/snapshot.ts'
import { replicasOf } from '../../../src/consensus/configuration.ts'
import { peerOf } from '../../../src/node/consensus/replica-name.ts'
import { createBucket, putInline } from '../../catalog/support.ts'
import { CatalogTown, type Citizen } from '../catalog-town.ts'
import { checkHistory } from '../linearizability/checker.ts'
import { type Action, HistoryRecorder, type Outcome } from '../linearizability/history.ts'
import { demand, type Scenario, Violation } from '../scenario.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'
import type { World } from '../world.ts'

/**
 * The catalog on the groups of whole peers: clients on all of them write, delete and read objects
 * while peers crash, lose power and what their stores had not synced, are cut off and replaced, and
 * ranges are split. What clients saw must be linearizable, each write is there once if it was done and
 * at most once if nobody knows; at rest the ranges tile all there is, replicas of a group are equal,
 * sessions included, and a peer keeps nothing that is not some group's.
 */
export const catalogGroupScenario: Scenario = {
  name: 'catalog-group',
  minutes: 0.15,
  play: (world, minutes) => new CatalogGroupRun(world).play(minutes * 60_000),
}

const BUCKET = 'aaa'
const KEYS = ['b', 'd', 'f', 'h', 'k']
/** Between the keys, and in other buckets. */
const PLACES = [
  ...['c', 'e', 'g', 'i'].map(key => ({ bucket: BUCKET, key })),
  { bucket: 'zzz', key: '' },
]
const DEADLINE_MS = 2_500
const SETTLED_WITHIN_MS = 40_000
const SPLITS_MAX = 3
/** A history of a key that a checker can search. */
const WRITES_PER_KEY_MAX = 60

class CatalogGroupRun {
  readonly #world: World
  readonly #random: Random
  readonly #base: Swarm
  readonly #names: readonly string[]
  readonly #town: CatalogTown
  readonly #recorder = new HistoryRecorder()
  /** What became of each value that was written. */
  readonly #written = new Map<string, 'done' | 'not done' | 'unknown'>()
  readonly #writes = new Map<string, number>()
  /** What was read of each key last, by anybody. */
  readonly #seen = new Map<string, string>()
  readonly #counts = { done: 0, notDone: 0, unknown: 0, reads: 0, splits: 0, cuts: 0, wipes: 0 }
  #values = 0
  #splits = 0
  #isOver = false

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('catalog groups')
    this.#base = drawSwarm(this.#random.fork('base'))
    Object.assign(world.network.defaults, {
      ...this.#base.link,
      latencyMs: this.#random.pick([0.2, 1, 5]),
      jitterMs: this.#random.pick([0, 0.5]),
    })
    this.#names = ['a', 'b', 'c', 'd', 'e'].slice(0, this.#random.pick([1, 3, 3, 4, 5]))
    this.#town = new CatalogTown(world, {
      names: this.#names,
      machine: { clock: this.#base.clock, drive: this.#base.drive },
      compaction: {
        snapshotEntries: this.#random.pick([5, 20, 200]),
        keptEntries: this.#random.pick([0, 3, 50]),
      },
    })
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const name of this.#names) this.#town.start(name)
    await this.#createBucket()
    for (const name of this.#names) this.#injectFaults(name)
    const endMs = this.#world.nowMs + durationMs
    const clients = this.#names.map(name =>
      this.#client(name).catch((error: unknown) => this.#world.fail(error)),
    )
    while (this.#world.nowMs < endMs) {
      await this.#world.sleep(this.#random.exponential(700))
      await this.#befall()
    }
    await this.#mend()
    this.#isOver = true
    await Promise.all(clients)
    await this.#judge()
    return { ...this.#counts, ...this.#town.counts }
  }

  async #createBucket(): Promise<void> {
    await this.#town.until('the catalog is there', 30_000, async () => {
      const citizen = this.#town.citizens.get(this.#names[0] ?? '')
      if (citizen === undefined) return false
      try {
        await citizen.catalog.propose(createBucket(BUCKET, { versioning: 'enabled' }), {
          deadlineMs: DEADLINE_MS,
        })
        return true
      } catch (error) {
        return codeOf(error) === 'BUCKET_EXISTS'
      }
    })
  }

  #injectFaults(name: string): void {
    const machine = this.#town.machines.get(name)
    if (machine === undefined) return
    Object.assign(machine.peer.drive.faults, this.#base.faults)
    for (const database of machine.databases.values()) {
      Object.assign(database.faults, {
        full: this.#random.pick([0, 0.001]),
        syncError: this.#random.pick([0, 0.001]),
        shortPage: this.#random.pick([0, 0.2]),
        nextLog: this.#random.pick([0, 0.1]),
      })
    }
  }

  /** One operation after the other, on whichever run of the peer there is. */
  async #client(name: string): Promise<void> {
    while (!this.#isOver) {
      await this.#world.sleep(this.#random.exponential(40 * this.#names.length))
      const citizen = this.#town.citizens.get(name)
      if (citizen === undefined) continue
      const key = this.#random.pick(KEYS)
      const kind = this.#random.pick(['put', 'put', 'cas', 'get', 'get'] as const)
      const isFull = (this.#writes.get(key) ?? 0) >= WRITES_PER_KEY_MAX
      if (kind === 'get' || isFull) await this.#get(citizen, key)
      else await this.#write(citizen, key, kind)
    }
  }

  async #write(citizen: Citizen, key: string, kind: 'put' | 'cas'): Promise<void> {
    this.#writes.set(key, (this.#writes.get(key) ?? 0) + 1)
    const value = `v${++this.#values}`
    const expected = this.#seen.get(key) ?? 'nothing yet'
    const action: Action =
      kind === 'put'
        ? { type: 'put', value }
        : { type: 'cas', expected: { value: expected }, value }
    const settle = this.#call(citizen.name, key, action)
    this.#written.set(value, 'unknown')
    const put = putInline({ bucket: BUCKET, key }, value)
    const conditions = { ...put.conditions, ifMatch: kind === 'put' ? [] : [`"${expected}"`] }
    const outcome = await this.#attempt(citizen, () =>
      citizen.catalog.propose({ ...put, conditions }, { deadlineMs: DEADLINE_MS }),
    )
    this.#written.set(value, outcome)
    if (outcome === 'done') this.#counts.done++
    else if (outcome === 'not done') this.#counts.notDone++
    else this.#counts.unknown++
    if (outcome === 'done') settle({ type: 'written' })
    if (outcome === 'not done') settle({ type: 'refused' })
  }

  async #attempt(
    citizen: Citizen,
    work: () => Promise<unknown>,
  ): Promise<'done' | 'not done' | 'unknown'> {
    try {
      await this.#whileUp(citizen, work())
      return 'done'
    } catch (error) {
      if (error === GONE) return 'unknown'
      const code = codeOf(error) ?? ''
      if (NOT_DONE.has(code)) return 'not done'
      if (code === 'OUTCOME_UNKNOWN' || code === 'TIMEOUT') return 'unknown'
      throw error
    }
  }

  async #get(citizen: Citizen, key: string): Promise<void> {
    const settle = this.#call(citizen.name, key, { type: 'get' })
    try {
      const asked = { bucket: BUCKET, key, version: undefined }
      const found = await this.#whileUp(
        citizen,
        citizen.catalog.ask('object', asked, { deadlineMs: DEADLINE_MS }),
      )
      this.#counts.reads++
      const value = toUtf8(found.bytes ?? new Uint8Array(0))
      this.#seen.set(key, value)
      settle({ type: 'found', value })
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (code === 'NO_SUCH_KEY') settle({ type: 'found', value: undefined })
      else if (error !== GONE && !PASSING.has(code)) throw error
    }
  }

  /** A call of a process that is gone never returns. */
  async #whileUp<Value>(citizen: Citizen, work: Promise<Value>): Promise<Value> {
    work.catch(() => undefined)
    const watch = async (): Promise<never> => {
      for (;;) {
        await this.#world.sleep(100)
        if (this.#town.citizens.get(citizen.name) !== citizen) throw GONE
      }
    }
    return Promise.race([work, watch()])
  }

  #call(client: string, key: string, action: Action): (outcome: Outcome) => void {
    const settle = this.#recorder.call({ client, key, action }, this.#world.nowMs)
    return outcome => settle(outcome, this.#world.nowMs)
  }

  async #befall(): Promise<void> {
    const name = this.#random.pick(this.#names)
    const downMs = this.#random.exponential(this.#base.downMs)
    const ending = this.#random.chance(this.#base.powerShare) ? 'power' : 'process'
    switch (
      this.#random.pick(['crash', 'leader', 'all', 'cut', 'split', 'split', 'wipe'] as const)
    ) {
      case 'crash':
        this.#town.crash(name, ending)
        break
      case 'leader':
        this.#town.crash(this.#town.leaderOf(this.#random.pick([1, 2]))?.name ?? name, ending)
        break
      case 'all':
        for (const each of this.#names) this.#town.crash(each, ending)
        break
      case 'cut':
        this.#counts.cuts++
        for (const other of this.#names) {
          if (other !== name) this.#world.network.cut(name, other)
          if (other !== name && this.#random.chance(0.5)) this.#world.network.cut(other, name)
        }
        break
      case 'split':
        return this.#split()
      case 'wipe':
        this.#wipe()
    }
    await this.#world.sleep(downMs)
    this.#world.network.heal()
    for (const each of this.#names) this.#town.start(each)
  }

  async #split(): Promise<void> {
    const citizen = this.#town.citizens.get(this.#random.pick(this.#names))
    if (citizen === undefined || this.#splits >= SPLITS_MAX) return
    this.#splits++
    try {
      const at = this.#random.pick(PLACES)
      await this.#whileUp(citizen, citizen.ranges.split(at, { deadlineMs: DEADLINE_MS }))
      this.#counts.splits++
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (error !== GONE && code !== 'INVALID_COMMAND' && !PASSING.has(code)) throw error
    }
  }

  /** One peer, for good the same one, and only if every group can do without it. */
  #wipe(): void {
    const name = this.#names[1]
    if (name === undefined || this.#town.citizens.size < this.#names.length) return
    const groups = new Set(
      [...this.#town.citizens.values()].flatMap(({ node }) => node.groups.map(g => g.group)),
    )
    for (const group of groups) {
      const leader = this.#town.leaderOf(group)?.node.group(group)
      if (leader === undefined || peerOf(leader.replica) === name) return
      const { voters, outgoing } = leader.configuration
      if (voters.length < 3 || outgoing.length > 0) return
      const isSafe = voters.every(
        voter =>
          voter === leader.replica || (leader.members.get(voter)?.match ?? 0) >= leader.commit,
      )
      if (!isSafe) return
    }
    this.#counts.wipes++
    this.#town.loseDisk(name)
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    network.heal()
    for (const from of this.#names) {
      for (const to of this.#names) {
        const well = { loss: 0, latencyMs: 1, jitterMs: 0.2, bytesPerMs: 10_000 }
        Object.assign(network.link(from, to), well)
      }
    }
    for (const machine of this.#town.machines.values()) {
      const all = [machine.peer.drive.faults, ...[...machine.databases.values()].map(d => d.faults)]
      for (const faults of all) {
        for (const fault of Object.keys(faults)) Object.assign(faults, { [fault]: 0 })
      }
    }
    for (const name of this.#names) this.#town.start(name)
    await this.#town.until('everybody is at work', SETTLED_WITHIN_MS, () => {
      for (const name of this.#names) this.#town.start(name)
      return this.#town.citizens.size === this.#names.length
    })
    await this.#town.until('the ranges tile all there is', SETTLED_WITHIN_MS, () => this.#isTiled())
    const { done } = this.#counts
    await this.#town.until(
      'commands are done',
      SETTLED_WITHIN_MS,
      () => this.#counts.done > done || this.#isFull(),
    )
  }

  #isFull(): boolean {
    return KEYS.every(key => (this.#writes.get(key) ?? 0) >= WRITES_PER_KEY_MAX)
  }

  async #isTiled(): Promise<boolean> {
    const [citizen] = this.#town.citizens.values()
    if (citizen === undefined) return false
    try {
      const shards = await citizen.ranges.list({ deadlineMs: DEADLINE_MS })
      return tiles(shards, { lo: new Uint8Array(0), hi: new Uint8Array(0) })
    } catch (error) {
      if (!PASSING.has(codeOf(error) ?? '')) throw error
      return false
    }
  }

  async #judge(): Promise<void> {
    const [citizen] = this.#town.citizens.values()
    if (citizen === undefined) throw new Violation('nobody is at work')
    const shards = await citizen.ranges.list()
    for (const { group } of shards) {
      await this.#town.until(`replicas of ${group} are the same`, SETTLED_WITHIN_MS, () =>
        this.#areSame(group),
      )
    }
    await this.#countVersions(citizen)
    const verdict = checkHistory(this.#recorder.operations)
    demand(verdict.type !== 'violated', verdict.type === 'violated' ? verdict.explanation.text : '')
    demand(verdict.type === 'linearizable', 'the history cannot be decided')
  }

  /** Every write that was done is a version, once; what was not done is none. */
  async #countVersions({ catalog }: Citizen): Promise<void> {
    const seen = new Set<string>()
    const list = { bucket: BUCKET, prefix: '', delimiter: '', limit: 7 }
    let next: { after: Uint8Array; version: string | undefined } | undefined
    do {
      const { after, version } = next ?? { after: new Uint8Array(0), version: undefined }
      const page = await catalog.listVersions({ ...list, after, afterVersion: version })
      for (const { version: found } of page.versions) {
        const value = found.etag.slice(1, -1)
        demand(!seen.has(value), `${value} was written twice`)
        seen.add(value)
      }
      next = page.next
    } while (next !== undefined)
    for (const [value, outcome] of this.#written) {
      if (outcome === 'done') demand(seen.has(value), `${value} is lost: it was done`)
      if (outcome === 'not done') demand(!seen.has(value), `${value} is there: it was not done`)
    }
  }

  /** Rows, sessions and range of every member. */
  async #areSame(group: number): Promise<boolean> {
    const leader = this.#town.leaderOf(group)?.node.group(group)
    if (leader === undefined || leader.configuration.outgoing.length > 0) return false
    const { commit } = leader
    const states: string[] = []
    for (const member of replicasOf(leader.configuration)) {
      const citizen = this.#town.citizens.get(peerOf(member))
      const replica = citizen?.node.group(group)
      const state = citizen?.states.state(group)
      if (replica === undefined || state === undefined) return false
      if (replica.applied.index !== commit) return false
      const range: RangeState | undefined = await state.ask(rangeOf(group))
      const rows = await state.ask(stateHash(group))
      states.push(
        `epoch ${range?.epoch} frozen ${range?.isFrozen} rows ${rows} ${await state.sessionsDigest()}`,
      )
    }
    const [first] = states
    const isSame = states.every(each => each === first)
    if (!isSame && leader.commit === commit) {
      throw new Violation(`replicas of group ${group} differ:\n${states.join('\n')}`)
    }
    return isSame
  }
}

const GONE = new Error('the process is gone')
const NOT_DONE: ReadonlySet<string> = new Set([
  'NO_QUORUM',
  'BUSY',
  'GROUP_UNKNOWN',
  'PRECONDITION_FAILED',
  'NO_SUCH_KEY',
])
const PASSING: ReadonlySet<string> = new Set([
  'NO_QUORUM',
  'TIMEOUT',
  'BUSY',
  'OUTCOME_UNKNOWN',
  'PEER_UNREACHABLE',
  'GROUP_UNKNOWN',
])
