import { fromUtf8 } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'
import type { MetricFamily } from '../base/metrics.ts'
import type { MachineDefinition } from '../consensus/application/definition.ts'
import type { ActivityHistory } from './activity.ts'
import type { InviteOptions } from './admission/admission.ts'
import { BringUp, type Running, type Settings } from './bring-up.ts'
import type { Ranges } from './catalog/ranges.ts'
import type { ClockReport } from './clock/clock-report.ts'
import {
  type ClockReading,
  type CorrectedTime,
  type EventStamp,
  stampOf,
} from './clock/event-stamp.ts'
import type { GroupMemberView, GroupView } from './consensus/group-view.ts'
import type { HoldfastNode } from './create-node.ts'
import { eventsOf } from './event-queue.ts'
import { type NodeKv, nodeKv } from './kv/node-kv.ts'
import type { Machine, PeerHost } from './machine.ts'
import type { MachineHandle } from './machines/machine-handle.ts'
import { handleOf } from './machines/machines-part.ts'
import { swimChanges } from './metrics/membership-metrics.ts'
import { metered } from './metrics/metered.ts'
import { peerMetrics } from './metrics/peer-metrics.ts'
import { NAME_BYTES_MAX } from './node-options.ts'
import { type Faces, facesOf, type Served } from './peer-face.ts'
import { fittingName } from './peer-note.ts'
import { peersOf, resolvePeer, statusOf } from './peer-views.ts'
import type { RangeCalls } from './range-views.ts'
import { ServiceStack } from './service-stack.ts'
import { NAMES_PREFIX } from './store/seats.ts'
import type { Store } from './store/store.ts'
import type { HealthView, Upkeep } from './store/upkeep.ts'
import { programVersion } from './version.ts'
import type { NodeEvent, NodeState, NodeStatus, PeerView } from './views.ts'

/** `stop` ends before ten seconds are over. */
const STOP_MS = 9000

/**
 * The owner of a peer's life: brings its parts up in order, each leaning on those before it, and
 * takes them down the other way round.
 */
export class Peer implements Omit<HoldfastNode, keyof Store | keyof Upkeep | keyof RangeCalls> {
  readonly settings: Settings
  readonly hardware: Machine
  readonly version: string = programVersion()
  readonly kv: NodeKv = nodeKv(() => this.#require().agreement.kv)
  #state: NodeState = 'new'
  #running: Running | undefined
  readonly #stack: ServiceStack
  #starting: Promise<void> | undefined
  #abort = new AbortController()
  #stopping: Promise<void> | undefined
  readonly #metrics = peerMetrics(() => this.#running)
  readonly #listeners = new Set<(event: NodeEvent) => void>()

  constructor(settings: Settings, machine: Machine) {
    this.settings = settings
    this.hardware = machine
    this.#stack = new ServiceStack(settings.log, machine.timers)
  }

  get state(): NodeState {
    return this.#state
  }

  async start({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#starting !== undefined) throw new RangeError('a peer is started once at a time')
    this.#enter('starting')
    this.#abort = new AbortController()
    const abort = (): void => this.#abort.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    this.#starting = this.#bringUp(this.#abort.signal)
    try {
      signal?.throwIfAborted()
      await this.#starting
      this.#enter('running')
    } catch (error) {
      await this.stop()
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  stop({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#stopping ??= this.#takeDown(signal).finally(() => (this.#stopping = undefined))
    return this.#stopping
  }

  async invite(options: InviteOptions = {}): Promise<string> {
    const { admission, host } = this.#require()
    return admission.invite(options, invitingAddresses(host))
  }

  async ban(peer: string): Promise<void> {
    const { admission } = this.#require()
    // By its name nobody bans itself.
    const others = this.peers().filter(({ isSelf }) => !isSelf)
    await admission.ban(resolvePeer(others, peer))
  }

  async rename(
    peer: string,
    name: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { agreement, admitted } = this.#require()
    if (fittingName(name) !== name)
      throw new RangeError(`a name has ${NAME_BYTES_MAX} bytes at most`)
    const id = resolvePeer(this.peers(), peer)
    if (admitted.book.statusOf(id).state === 'unknown') throw noMember(peer)
    const key = NAMES_PREFIX + id
    if (name === '') await agreement.kv.delete(key, { signal })
    else await agreement.kv.put(key, fromUtf8(name), { signal })
  }

  deriveKey(purpose: string): Uint8Array {
    return this.#require().admission.deriveKey(purpose)
  }

  peers(): readonly PeerView[] {
    return peersOf(this.#require())
  }

  status(): NodeStatus {
    return statusOf(this, this.#require())
  }

  clock(): ClockReport {
    return this.#require().clock.service.report()
  }

  async stamp(): Promise<EventStamp> {
    return stampOf(this.#require().clock.service)
  }

  correct(reading: ClockReading): CorrectedTime | undefined {
    return this.#require().clock.service.correct(reading)
  }

  machine<Command, Answer, Question, Reply, Event>(
    machine: MachineDefinition<Command, Answer, Question, Reply, Event>,
  ): MachineHandle<Command, Answer, Question, Reply, Event> {
    const known = Object.entries(this.settings.machines ?? {})
    const [name] = known.find(([, each]) => each === machine) ?? []
    if (name === undefined) throw new RangeError('this node was not created with that machine')
    return handleOf(machine, () => this.#require().agreement.machine(name))
  }

  async groups(): Promise<readonly GroupView[]> {
    const groups = await this.#require().agreement.groups()
    const names = new Map(this.peers().map(({ peer, name }) => [peer, name]))
    const named = (member: GroupMemberView): GroupMemberView => ({
      ...member,
      name: names.get(member.peer) ?? member.name,
    })
    return groups.map(group => ({ ...group, members: group.members.map(named) }))
  }

  async health({
    signal,
  }: { readonly signal?: AbortSignal | undefined } = {}): Promise<HealthView> {
    const { agreement, storage } = this.#require()
    const groups = await agreement.groups()
    const leaders = new Map(
      groups.filter(({ group }) => group > 0).map(({ group, leader }) => [group, leader]),
    )
    return storage.upkeep.healthBy(leaders, signal)
  }

  history(): ActivityHistory {
    return this.#require().activity.history
  }

  scheme(): { readonly k: number; readonly m: number } {
    return this.#require().storage.upkeep.scheme
  }

  /** Undefined on a storage member. @throws {HoldfastError} `CLOSED` */
  catalogRanges(): Ranges | undefined {
    const { agreement, storage } = this.#require()
    return storage.store === undefined ? undefined : agreement.ranges
  }

  metrics(): readonly MetricFamily[] {
    return this.#metrics.families()
  }

  /** Its store and upkeep, counted. */
  faces(): Faces {
    const { clock } = this.hardware
    const nowMs = (): number => clock.monotonicMs()
    return metered(
      facesOf(() => this.#served()),
      { metrics: this.#metrics, nowMs },
    )
  }

  /** What its store and upkeep are served by. @throws {HoldfastError} `CLOSED` */
  #served(): Served {
    const { activity, storage } = this.#require()
    const { store, upkeep } = storage
    const { clock } = this.hardware
    const resolve = (peer: string): string => resolvePeer(this.peers(), peer)
    return { store, upkeep, activity, nowMs: () => clock.monotonicMs(), resolve }
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  events({ signal }: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterable<NodeEvent> {
    return eventsOf(listener => this.onEvent(listener), signal)
  }

  async #bringUp(signal: AbortSignal): Promise<void> {
    const { settings, hardware: machine } = this
    const emit = (event: NodeEvent): void => this.#emit(event)
    const fail = (error: unknown): void => this.#fail(error)
    const parts = { settings, machine, stack: this.#stack, metrics: this.#metrics }
    const bringUp = new BringUp({ ...parts, emit, fail })
    this.#running = await bringUp.run(signal)
  }

  async #takeDown(signal: AbortSignal | undefined): Promise<void> {
    if (this.#state === 'new' || this.#state === 'stopped') return
    this.#enter('stopping')
    this.#abort.abort(new HoldfastError('Cannot start: stopped', { code: 'CLOSED', what: 'peer' }))
    // What is still coming up must be there before it can be taken down.
    await this.#starting?.catch(() => undefined)
    const late = new AbortController()
    const timer = this.hardware.timers.after(STOP_MS, () => late.abort(tooSlow()))
    const signals = signal === undefined ? [] : [signal]
    await this.#stack.stop(AbortSignal.any([late.signal, ...signals]))
    timer.cancel()
    this.#running = undefined
    this.#starting = undefined
    this.#enter('stopped')
  }

  #fail(error: unknown): void {
    this.settings.log.error('failed', { reason: String(error) })
    this.#emit({ type: 'failed', error })
    void this.stop()
  }

  #enter(state: NodeState): void {
    this.#state = state
    this.#emit({ type: 'state', state })
  }

  #emit(event: NodeEvent): void {
    if (event.type === 'peer') this.#metrics.add(swimChanges, { state: event.state })
    for (const listener of this.#listeners) listener(event)
  }

  #require(): Running {
    if (this.#running !== undefined) return this.#running
    throw new HoldfastError('Cannot do that: the peer is not running', {
      code: 'CLOSED',
      what: 'peer',
    })
  }
}

const noMember = (peer: string): HoldfastError =>
  new HoldfastError(`Cannot find ${peer}: there is no such peer`, { code: 'NOT_A_MEMBER', peer })

const tooSlow = (): HoldfastError =>
  new HoldfastError('Cannot stop in time', { code: 'TIMEOUT', what: 'stop', afterMs: STOP_MS })

const isLocal = (address: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)

/** Where a newcomer is sent: addresses others can reach first, this machine's own last. */
function invitingAddresses(host: PeerHost): readonly string[] {
  const addresses = host.addresses().map(address => address.replace(/\/p2p\/[^/]+$/, ''))
  return [...addresses.filter(each => !isLocal(each)), ...addresses.filter(isLocal)]
}
