/**
 * Keeps what is stored whole, without being asked. Every peer looks after the fragments it holds
 * (`own-fragments.ts`) and mends what it finds at fault (`fault-desk.ts`); whoever leads a group of
 * the catalog looks after the segments listed there (`group-upkeep.ts`), and begins anew from the
 * catalog's lists when the lead changes.
 *
 * Everything it does can be done by somebody else at the same time, or twice, or half: placements
 * change under the revision they were decided on, and nobody drops a fragment unasked.
 */
import type { PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import type { ContentName } from '../../catalog/records.ts'
import { hasItsFragments, type PeerView } from '../../placement/peer-view.ts'
import type { Finding } from '../../storage/fragment-health.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'
import type { ReadFault } from '../store/object-reads.ts'
import type { CallOptions, SegmentPlacement } from '../store/store.ts'
import type {
  DrainPlan,
  DrainView,
  HealthView,
  HeldPage,
  RebalanceView,
  RepairRecord,
  Upkeep,
  UpkeepStatus,
  VerifiedFragment,
} from '../store/upkeep.ts'
import { AuditScores } from './audit-scores.ts'
import { ByteBudget } from './byte-budget.ts'
import { DebtBell } from './debt-bell.ts'
import { Drains } from './drains.ts'
import { FaultDesk, type FragmentFault } from './fault-desk.ts'
import { Foreground } from './foreground.ts'
import { type HelperFault, isWrong } from './fragment-builder.ts'
import { FragmentClaims } from './fragment-claims.ts'
import { FragmentMover } from './fragment-mover.ts'
import { type GroupParts, GroupUpkeep } from './group-upkeep.ts'
import type { HealthShare } from './health-share.ts'
import { joinedHealth, ownHealth } from './health-view.ts'
import { drainPlan, HELD_MAX, heldFragments, type HeldOptions } from './held-fragments.ts'
import { LedGroups } from './led-groups.ts'
import { nameOf } from './listed-segment.ts'
import { OwnFragments } from './own-fragments.ts'
import { joinedView } from './rebalance-view.ts'
import { Books, type Work } from './repair-books.ts'
import { RepairLedger } from './repair-ledger.ts'
import { SchemeTarget } from './scheme-target.ts'
import { SegmentCutter } from './segment-cutter.ts'
import type { FragmentStanding } from './standing.ts'
import { REPAIRS_MAX } from './upkeep-messages.ts'
import { UpkeepNetwork } from './upkeep-network.ts'
import type { UpkeepOptions } from './upkeep-options.ts'
import { UPKEEP, type UpkeepSettings } from './upkeep-settings.ts'
import { VerifiedBook } from './verified-book.ts'
import { verifyNow } from './verify-now.ts'

const REPAIRS_DEFAULT = 100

export class UpkeepService implements Omit<Upkeep, 'verify'> {
  /** To be told of every answer that somebody waited for. */
  readonly foreground: Foreground
  readonly #options: UpkeepOptions
  readonly #settings: UpkeepSettings
  readonly #ledger: RepairLedger
  readonly #books: Books
  readonly #scores: AuditScores
  readonly #verified = new VerifiedBook()
  readonly #target: SchemeTarget
  readonly #network: UpkeepNetwork
  readonly #claims: FragmentClaims
  readonly #own: OwnFragments
  readonly #drains: Drains
  readonly #tools: { readonly mover: FragmentMover; readonly cutter: SegmentCutter } | undefined
  readonly #desk: FaultDesk | undefined
  readonly #groups: LedGroups
  readonly #tasks: Tasks
  readonly #debts: DebtBell
  readonly #unwatch: (() => void)[] = []

  /** Opens the ledger and begins. @throws {HoldfastError} `DISK_*` */
  static async start(options: UpkeepOptions): Promise<UpkeepService> {
    const ledger = await RepairLedger.open(options.environment.disk)
    const service = new UpkeepService(options, ledger)
    service.#start()
    return service
  }

  private constructor(options: UpkeepOptions, ledger: RepairLedger) {
    const { environment, catalog, seats, kv, seal, settings, onFailure } = options
    const { clock, timers, network } = environment
    this.#options = options
    this.#settings = { ...UPKEEP, ...settings }
    this.#ledger = ledger
    this.#books = new Books(ledger, clock, {
      onDone: work => this.#worked(work),
      onFailure,
    })
    this.#scores = new AuditScores(clock)
    this.#target = new SchemeTarget(clock, this.#settings.shrinkAfterMs)
    this.foreground = new Foreground(clock)
    this.#tasks = new Tasks({ onFailure: ({ error }) => onFailure(error) })
    this.#network = new UpkeepNetwork({ network, timers, seats, views: () => seats.views() })
    this.#debts = new DebtBell(timers, () => this.#network.tellDebts())
    const askOthers = this.#network.claim.bind(this.#network)
    this.#claims = new FragmentClaims({ catalog, seal, askOthers })
    this.#tools = seal === undefined ? undefined : this.#makeTools(seal)
    this.#desk = this.#tools && this.#openDesk(this.#tools.mover)
    this.#own = this.#lookAfterOwn()
    const tools = this.#tools
    this.#groups = new LedGroups(
      catalog,
      group => tools && new GroupUpkeep(this.#partsFor(group, tools), this.#settings),
    )
    this.#drains = new Drains({
      kv,
      seats,
      catalog,
      timers,
      holdings: async (seat, signal) => [
        ...(await this.#groups.holdings(seat, signal)),
        ...(await this.#network.holdings(seat, signal)),
      ],
      led: () => this.#groups.numbers,
      everyMs: this.#settings.drainEveryMs,
    })
  }

  /** How many more fragments the worst segment under repair may lose; undefined if none is. */
  get margin(): number | undefined {
    return this.#groups.status.margin
  }

  /** Repairs and moves that failed. */
  get failures(): number {
    return this.#books.totals.failures
  }

  upkeep(): UpkeepStatus {
    const { waiting, running, short, garbage } = this.#groups.status
    const { segments, bytes } = this.#books.totals
    return {
      waiting: waiting + (this.#desk?.waiting ?? 0),
      running,
      short,
      repairedSegments: segments,
      repairedBytes: bytes,
      audits: this.#scores.totals,
      scrub: this.#own.scrub,
      garbage,
    }
  }

  /**
   * How safe what is stored is, by the word of those who lead.
   * @param leaders who leads each group of the catalog, if anybody does
   */
  async healthBy(
    leaders: ReadonlyMap<number, PeerId | undefined>,
    signal?: AbortSignal,
  ): Promise<HealthView> {
    const { environment, seats } = this.#options
    const { self } = environment.network
    const all = new Set(leaders.values())
    const others = [...all].filter(peer => peer !== undefined && peer !== self) as PeerId[]
    const heard = await this.#network.health(others, signal)
    const own = all.has(self) ? [{ from: self, share: this.#health }] : []
    return joinedHealth(leaders, [...own, ...heard], seat => seats.peerAt(seat))
  }

  /** What is known of the fragments of a content: here, and by whoever leads its group. */
  async standing(name: ContentName, signal?: AbortSignal): Promise<FragmentStanding> {
    const { catalog, leaderOf, environment } = this.#options
    const own = this.#standingOf(name.content)
    try {
      const leader = await leaderOf?.(await catalog.groupOf(name, { signal }))
      if (leader === undefined || leader === environment.network.self) return own
      return await this.#network.standing(leader, name.content, signal)
    } catch (error) {
      if (codeOf(error) === undefined || signal?.aborted === true) throw error
      return own
    }
  }

  /** Asks every holder of a segment to prove now that it has its fragment. */
  verifySegment(
    segment: SegmentPlacement,
    { signal }: CallOptions = {},
  ): Promise<readonly VerifiedFragment[]> {
    const { peers, coder, environment } = this.#options
    const { clock, random } = environment
    return verifyNow({ peers, coder, clock, random: random.fork('verify') }, segment, signal)
  }

  /** The scheme that the network is to have with the peers it has now. */
  get scheme(): { readonly k: number; readonly m: number } {
    const { seats } = this.#options
    const { k, m } = this.#target.of(seats.views(), seats.uptime())
    return { k, m }
  }

  async repairs({
    limit = REPAIRS_DEFAULT,
    signal,
  }: CallOptions & { limit?: number } = {}): Promise<
    readonly (RepairRecord & { readonly by: PeerId })[]
  > {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= REPAIRS_MAX)) {
      throw new RangeError(`1 to ${REPAIRS_MAX} repairs, not ${limit}`)
    }
    const by = this.#options.environment.network.self
    const own = this.#ledger.newest(limit).map(record => ({ ...record, by }))
    const others = await this.#network.repairs(limit, signal)
    const all = [...own, ...others]
    return all.toSorted((a, b) => b.at.getTime() - a.at.getTime()).slice(0, limit)
  }

  async drain(peer: PeerId, { signal }: CallOptions = {}): Promise<void> {
    this.#demandSeat(peer)
    await this.#drains.begin(peer, signal)
  }

  async undrain(peer: PeerId, { signal }: CallOptions = {}): Promise<void> {
    this.#demandSeat(peer)
    await this.#drains.end(peer, signal)
  }

  async planDrain(peer: PeerId, { signal }: CallOptions = {}): Promise<DrainPlan> {
    return drainPlan(this.#held, this.#demandSeat(peer), signal)
  }

  async fragmentsOf(
    peer: PeerId,
    {
      after,
      limit = HELD_MAX,
      signal,
    }: CallOptions & { after?: string | undefined; limit?: number } = {},
  ): Promise<HeldPage> {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= HELD_MAX))
      throw new RangeError(`1 to ${HELD_MAX} fragments, not ${limit}`)
    return heldFragments(this.#held, this.#demandSeat(peer), { after, limit, signal })
  }

  drains({ signal }: CallOptions = {}): Promise<readonly DrainView[]> {
    return this.#drains.list(signal)
  }

  async rebalance({
    dryRun = false,
    signal,
  }: CallOptions & { dryRun?: boolean } = {}): Promise<RebalanceView> {
    const within = AbortSignal.any([this.#tasks.signal, ...(signal === undefined ? [] : [signal])])
    const own = await this.#groups.rebalance(dryRun, within)
    const others = await this.#network.rebalance(dryRun, within)
    return joinedView(this.#options.seats.views(), [own, ...others])
  }

  /** Of the own store: see `FragmentStoreOptions`. */
  onFinding(finding: Finding): void {
    this.#own.onFinding(finding)
  }

  /** A fragment could not be read: a matter for upkeep if it is not what it should be. */
  onReadFault({ name, blob, segment, index, seat, error }: ReadFault): void {
    if (!isWrong(error)) return
    this.#faultFound({ name: { ...name, blob, segment }, index, seat, isHearsay: false })
  }

  /** A peer does not have what the catalog lists under it: whoever leads looks what else it lacks. */
  reportLost(seat: number): void {
    this.#groups.checkNow(seat)
    this.#network.tellLost(seat)
  }

  /** Something was committed with fewer fragments than it should have. */
  reportDebt(): void {
    this.#groups.debtsChanged()
    this.#debts.ring()
  }

  async close(): Promise<void> {
    for (const stop of this.#unwatch) stop()
    await Promise.all([this.#tasks.stop('upkeep is closed'), this.#groups.close()])
    await this.#ledger.close()
  }

  #start(): void {
    const { catalog, seats } = this.#options
    this.#serve()
    this.#tasks.start('collect', signal => this.#own.collect(signal))
    this.#tasks.start('scrub', signal => this.#own.scrubForEver(signal))
    this.#tasks.start('report findings', signal => this.#own.report(signal))
    this.#tasks.start('compare', signal => this.#own.compareForEver(signal))
    const desk = this.#desk
    if (desk === undefined) return
    this.#tasks.start('mend', signal => desk.run(signal))
    this.#tasks.start('tell debts', signal => this.#debts.run(signal))
    this.#tasks.start('follow drains', signal => this.#drains.run(signal))
    this.#unwatch.push(catalog.onLed(() => this.#groups.follow()))
    this.#unwatch.push(seats.onChange(() => this.#groups.peersChanged()))
    this.#groups.follow()
  }

  #serve(): void {
    this.#network.serve({
      fault: fault => this.#desk?.report(fault),
      lost: seat => this.#groups.checkNow(seat),
      debts: () => this.#groups.debtsChanged(),
      claim: (claim, seat, isWeak) => {
        if (!this.#claims.canRead) throw cannotRead()
        return this.#claims.isListed(claim, seat, { isWeak })
      },
      holds: (seat, signal) => this.#groups.holdings(seat, signal),
      repairs: limit => this.#ledger.newest(Math.min(limit, REPAIRS_MAX)),
      rebalance: (isDry, signal) => this.#groups.rebalance(isDry, signal),
      health: () => this.#health,
      standing: content => this.#standingOf(content),
    })
  }

  #partsFor(
    group: number,
    tools: { readonly mover: FragmentMover; readonly cutter: SegmentCutter },
  ): GroupParts {
    const { environment, catalog, seats, peers, coder, onFailure } = this.#options
    const { clock, timers, random } = environment
    return {
      ...tools,
      group,
      catalog,
      peers,
      coder,
      clock,
      timers,
      random: random.fork(`upkeep ${group}`),
      books: this.#books,
      scores: this.#scores,
      verified: this.#verified,
      views: () => this.#views(),
      allViews: () => seats.views(),
      peerAt: seat => seats.peerAt(seat),
      answers: seat => this.#answers(seat),
      foreground: () => this.foreground.ratio(),
      target: () => this.#target.of(seats.views(), seats.uptime()),
      onFault: fault => this.#desk?.report(fault),
      onFailure,
    }
  }

  #makeTools(seal: OriginSeal): { mover: FragmentMover; cutter: SegmentCutter } {
    const { environment, seats, peers, coder, networkId, secrets } = this.#options
    const { timers, random } = environment
    const budget = new ByteBudget(this.#settings.budgetBytes)
    const peerAt = (seat: number): PeerId | undefined => seats.peerAt(seat)
    const onFault = (placed: PlacedSegment, fault: HelperFault): void =>
      this.#helperFailed(placed, fault)
    const about = { peers, coder, seal, networkId, timers, secrets, peerAt, budget, onFault }
    const mover = new FragmentMover({ ...about, random: random.fork('challenges') })
    return { mover, cutter: new SegmentCutter({ peers, coder, timers, budget, mover }) }
  }

  #openDesk(mover: FragmentMover): FaultDesk {
    const { environment, catalog, seats } = this.#options
    const { clock, timers } = environment
    return new FaultDesk({
      catalog,
      mover,
      books: this.#books,
      clock,
      timers,
      peerAt: seat => seats.peerAt(seat),
      answers: seat => this.#answers(seat),
      tellLeader: fault => this.#network.tellFault(fault),
    })
  }

  #lookAfterOwn(): OwnFragments {
    const { environment, seats, store } = this.#options
    const { clock, timers } = environment
    const { collectEveryMs, scrubPassMs, scrubPauseMs, compareEveryMs } = this.#settings
    return new OwnFragments({
      store,
      claims: this.#claims,
      clock,
      timers,
      ownSeat: signal => seats.own(signal),
      onFault: fault => this.#desk?.report(fault),
      onLost: () => this.#lostSomething(),
      collectEveryMs,
      scrubPassMs,
      scrubPauseMs,
      compareEveryMs,
      graceMs: this.#settings.garbageGraceMs,
    })
  }

  /** Whoever leads a group compares its lists with what is here. */
  #lostSomething(): void {
    const { seats, environment } = this.#options
    const seat = seats.seatOf(environment.network.self)
    if (seat !== undefined) this.reportLost(seat)
  }

  /** What a repair reads from must be right too. */
  #helperFailed(placed: PlacedSegment, { helper, isWrong: isFault }: HelperFault): void {
    const { index } = helper
    const seat = placed.record.fragments[index]?.seat ?? 0
    if (isFault && seat !== 0) {
      this.#faultFound({ name: nameOf(placed), index, seat, isHearsay: false })
    }
  }

  /** A peer without the key cannot make a fragment anew: whoever leads does. */
  #faultFound(fault: FragmentFault): void {
    this.#scores.noteWrong(fault.seat)
    if (this.#desk === undefined) this.#network.tellFault(fault)
    else this.#desk.report(fault)
  }

  /** Peers as placement should see them. */
  #views(): readonly PeerView[] {
    return this.#scores.judge(this.#options.seats.views())
  }

  #answers(seat: number): boolean {
    const view = this.#options.seats.views().find(each => each.seat === seat)
    return view !== undefined && hasItsFragments(view)
  }

  /** What was proven is verified, and what was counted is outdated. */
  #worked({ placed, proven }: Work): void {
    const { seats, environment } = this.#options
    const atMs = environment.clock.wallMs()
    for (const { fragment, peer } of proven) {
      const seat = seats.seatOf(peer)
      if (seat !== undefined) this.#verified.note(placed, { index: fragment.index, seat, atMs })
    }
    this.#groups.placementsChanged()
  }

  #standingOf(content: Uint8Array): FragmentStanding {
    const repairing = this.#groups.repairing(content)
    return { verified: this.#verified.of(content), repairing }
  }

  get #health(): HealthShare {
    return ownHealth({
      groups: this.#groups,
      books: this.#books,
      scores: this.#scores,
      faults: this.#desk?.waiting ?? 0,
      graceMs: this.#settings.graceMs,
    })
  }

  get #held(): HeldOptions {
    const { catalog, seats } = this.#options
    return { catalog, views: () => seats.views() }
  }

  #demandSeat(peer: PeerId): number {
    const seat = this.#options.seats.seatOf(peer)
    if (seat !== undefined) return seat
    throw new HoldfastError(`Cannot find ${peer}: it has no seat`, { code: 'NOT_A_MEMBER', peer })
  }
}

const cannotRead = (): HoldfastError =>
  new HoldfastError('Cannot read where a fragment belongs: this peer has no key', {
    code: 'CORRUPT',
    what: 'origin of a fragment',
  })
