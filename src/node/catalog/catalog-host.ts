/**
 * Runs the groups of the catalog on a full member: founds the first one, takes up those that a split
 * made here, and keeps the shard map at what the ranges say that are led here.
 *
 * The first group covers everything, and is founded once in the life of a network:
 *
 *  1. Whoever leads the system group decides by compare-and-set which replica founds it, by a name
 *     that nobody else has.
 *  2. That replica's peer founds it, unless its log has it already, and says so in the map.
 *  3. Only from then on anybody uses it, and nobody founds it again.
 *
 * Where the founder is gone before that, another leader decides anew, with another number: what the
 * first may have founded nobody knows of.
 */
import type { Environment, PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import { rangeOf } from '../../catalog/queries.ts'
import type { RangeState } from '../../catalog/records.ts'
import { replicasOf } from '../../consensus/configuration.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { RaftGroup } from '../consensus/raft-group.ts'
import { newReplicaId, peerOf } from '../consensus/replica-name.ts'
import type { KvCallOptions, KvClient } from '../kv/kv-client.ts'
import { isMachineGroup } from '../machines/machine-names.ts'
import { bucketBegunIn, BucketMirrors } from './bucket-mirrors.ts'
import type { CatalogClient } from './catalog-client.ts'
import type { CatalogStates } from './catalog-states.ts'
import { programOf } from './questions.ts'
import type { ShardBook } from './shard-book.ts'
import { decidedBy, memberLists, membersKey, type ShardRecord, withRange } from './shard-record.ts'

export interface CatalogHostOptions {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly node: ConsensusNode
  readonly states: CatalogStates
  readonly book: ShardBook
  readonly kv: Pick<KvClient, 'get' | 'put'>
  readonly client: CatalogClient
}

const SYSTEM_GROUP = 0
const LOOK_EVERY_MS = 500
/** How long a founder may take before another one is decided on. */
const FOUNDING_MS = 10_000
const CALL_MS = 2_000
const REMOVED_MS = 60_000
const STANDS_MAX = 10
/** How often the copy of a bucket that a range begins inside is compared with the bucket. */
const MIRROR_EVERY_MS = 5_000
const STAND_EVERY_MS = 40

export class CatalogHost {
  readonly #options: CatalogHostOptions
  /** What was written of each group's members. */
  readonly #told = new Map<number, string>()
  readonly #mirrors: BucketMirrors
  /** Since when a replica here is no member any more. */
  readonly #removedMs = new Map<number, number>()
  readonly #mirroredMs = new Map<number, number>()
  /** A decision that nothing has come of yet, and since when it is known. */
  #waiting: { readonly founder: string; readonly sinceMs: number } | undefined
  #wake: () => void = () => undefined
  #call: KvCallOptions = { deadlineMs: CALL_MS }

  constructor(options: CatalogHostOptions) {
    this.#options = options
    this.#mirrors = new BucketMirrors(options.client)
  }

  /** Begins; ends with the tasks. */
  start(tasks: Tasks): void {
    tasks.start('catalog groups', async signal => {
      this.#call = { deadlineMs: CALL_MS, signal }
      for (;;) {
        await this.#look()
        await this.#rest(signal)
      }
    })
  }

  /** Something of a group may have changed. */
  changed(): void {
    this.#wake()
  }

  /** Groups of the catalog that are led here, ascending. */
  get led(): readonly number[] {
    return this.#led.map(({ group }) => group)
  }

  get #led(): readonly RaftGroup[] {
    return this.#options.node.groups.filter(
      ({ group, role }) => group !== SYSTEM_GROUP && !isMachineGroup(group) && role === 'leader',
    )
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await Promise.race([sleep(this.#options.environment.timers, LOOK_EVERY_MS, signal), promise])
    signal.throwIfAborted()
  }

  /** Failures that may pass are left to the next look. */
  async #look(): Promise<void> {
    try {
      await this.#takeUp()
      await this.#found()
      await this.#dropRemoved()
      for (const group of this.#led) await this.#tell(group)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    }
  }

  /** Groups that a split made here, and whose log does not begin yet. */
  async #takeUp(): Promise<void> {
    const { node, states } = this.#options
    for (const { group, parent } of states.unborn) {
      const name = node.group(parent)?.replica
      const mark = states.standing(group)?.mark
      if (name === undefined || mark === undefined) continue
      if (replicasOf(mark.configuration).includes(name)) await node.adopt(group, name, mark)
      else await states.erase(group)
      if (node.group(parent)?.role === 'leader') await this.#stand(group)
    }
  }

  /** Who led the parent leads the child, as soon as the others have it too. */
  async #stand(group: number): Promise<void> {
    const { node, environment } = this.#options
    for (let tries = 0; tries < STANDS_MAX; tries++) {
      node.stand(group)
      await sleep(environment.timers, STAND_EVERY_MS, this.#call.signal)
      if (node.group(group)?.leader !== undefined) return
    }
  }

  /** Replicas that were removed and are not wanted back take room for nothing. */
  async #dropRemoved(): Promise<void> {
    const { node, environment } = this.#options
    const nowMs = environment.clock.monotonicMs()
    for (const { group, configuration, isMember } of node.groups) {
      const isRemoved = configuration.voters.length > 0 && !isMember
      if (group === SYSTEM_GROUP || !isRemoved) this.#removedMs.delete(group)
      else if (!this.#removedMs.has(group)) this.#removedMs.set(group, nowMs)
      else if (nowMs - (this.#removedMs.get(group) ?? nowMs) >= REMOVED_MS) await node.drop(group)
    }
  }

  async #found(): Promise<void> {
    const { book, node } = this.#options
    if (book.record?.state === 'founded') return
    const record = await book.fetch(this.#call)
    if (record?.state === 'founded') return
    const isMine = record !== undefined && peerOf(record.founder) === node.self
    if (isMine) await this.#foundFirst(record)
    else if (node.group(SYSTEM_GROUP)?.role === 'leader') await this.#decide(record)
  }

  async #decide(record: ShardRecord | undefined): Promise<void> {
    const { book, node, environment } = this.#options
    if (record !== undefined && !this.#hasWaited(record)) return
    const founder = newReplicaId(node.self, environment.random)
    const decided = await book.change(
      now => (isSameFounder(now, record) ? decidedBy(founder, now) : undefined),
      this.#call,
    )
    if (decided?.founder === founder) await this.#foundFirst(decided)
  }

  #hasWaited({ founder }: ShardRecord): boolean {
    const nowMs = this.#options.environment.clock.monotonicMs()
    if (this.#waiting?.founder !== founder) this.#waiting = { founder, sinceMs: nowMs }
    return nowMs - this.#waiting.sinceMs >= FOUNDING_MS
  }

  async #foundFirst({ founder, shards }: ShardRecord): Promise<void> {
    const { book, node } = this.#options
    const group = shards[0]?.group
    if (group === undefined) return
    if (node.group(group) === undefined) await node.found(group, founder)
    await book.change(
      now =>
        now?.founder === founder && now.state === 'decided'
          ? { ...now, state: 'founded' }
          : undefined,
      this.#call,
    )
  }

  /** Writes into the map what a range led here is, and who has it. */
  async #tell(group: RaftGroup): Promise<void> {
    const range = await this.#options.states.state(group.group)?.ask(rangeOf(group.group))
    if (range !== undefined) await this.#tellRange(group.group, range)
    await this.#tellMembers(group)
    if (range !== undefined) await this.#mirror(group.group, range)
  }

  /** Brings the copy of a bucket up to date, should whoever changed it not have come so far. */
  async #mirror(group: number, range: RangeState): Promise<void> {
    const bucket = bucketBegunIn(range)
    const nowMs = this.#options.environment.clock.monotonicMs()
    const isDue = nowMs - (this.#mirroredMs.get(group) ?? 0) >= MIRROR_EVERY_MS
    const state = this.#options.states.state(group)
    if (bucket === undefined || !isDue || state === undefined || range.isFrozen) return
    this.#mirroredMs.set(group, nowMs)
    const asked = programOf({ group, epoch: range.epoch }, 'bucket', { bucket })
    const copy = await state.ask(asked)
    const record = copy.type === 'answer' ? copy.value : undefined
    const command = await this.#mirrors.wanted(bucket, record, this.#call)
    if (command !== undefined) await this.#options.client.proposeTo(group, command, this.#call)
  }

  async #tellRange(group: number, range: RangeState): Promise<void> {
    const { book } = this.#options
    if (book.record?.state !== 'founded' || withRange(book.record, group, range) === undefined)
      return
    const change = (record: ShardRecord | undefined): ShardRecord | undefined =>
      record?.state === 'founded' ? withRange(record, group, range) : undefined
    await book.change(change, this.#call)
  }

  async #tellMembers({ group, configuration }: RaftGroup): Promise<void> {
    const { voters, outgoing } = configuration
    const peers = [...new Set([...voters, ...outgoing].map(peerOf))].toSorted(byName)
    const now = peers.join(' ')
    if (this.#told.get(group) === now) return
    const value = memberLists.encode(peers)
    await this.#options.kv.put(membersKey(group), value, this.#call)
    this.#told.set(group, now)
  }
}

const byName = (a: PeerId, b: PeerId): number => (a < b ? -1 : 1)

const isSameFounder = (a: ShardRecord | undefined, b: ShardRecord | undefined): boolean =>
  a?.founder === b?.founder && a?.state === b?.state
