import { equals, toHex } from '../../../src/base/bytes.ts'
import type { Environment, Random } from '../../../src/base/environment.ts'
import { codeOf, HoldfastError } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import type { Finding } from '../../../src/storage/fragment-health.ts'
import { type FragmentInfo, FragmentStore } from '../../../src/storage/fragment-store.ts'
import { names, type TestFragment } from '../../support/fragments.ts'
import { demand, type Scenario, Violation } from '../scenario.ts'
import { SimKeyValueDrive } from '../sim-key-value.ts'
import type { SimPeer } from '../sim-peer.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'
import type { World } from '../world.ts'
import { FragmentsModel } from './fragments-model.ts'
import { FragmentUsers } from './fragments-users.ts'

/**
 * Writers put, commit, read and release fragments in the store of one peer whose process is killed,
 * whose power is cut, whose disk lies, fills up and rots, while a collector and a scrubber run. What
 * was acknowledged must be there, byte for byte; what rotted must be found by the next pass and never
 * be served; and in the end nothing must be left that nobody needs, down to the last file.
 */
export const fragmentsScenario: Scenario = {
  name: 'fragments',
  minutes: 0.05,
  play: (world, minutes) => new FragmentsRun(world).play(minutes * 60_000),
}

const CELL_BYTES = 512
const RESERVE_BYTES = 4_096
const LOST_RECORD_GRACE_MS = 2_000
/** Longer than any lease, any grace, and the time after which the catalog is asked again. */
const LONG_MS = 130_000

/** A bit that was flipped, to see whether it is noticed. */
interface Flip {
  readonly id: string
  /** Whether it is still there, rather than overwritten. */
  readonly isLeft: () => boolean
  /** The store had promised to keep the fragment: it may not go without a word, nor soon. */
  readonly isKept: boolean
  readonly atMs: number
}

class FragmentsRun {
  readonly #world: World
  readonly #random: Random
  readonly #swarm: Swarm
  readonly #peer: SimPeer
  readonly #keys: SimKeyValueDrive
  readonly #model: FragmentsModel
  readonly #users: FragmentUsers
  readonly #settings: {
    readonly writers: number
    readonly thinkMs: number
    readonly leaseMs: number
    readonly graceMs: number
    readonly collectMs: number
    readonly scrubMs: number
    readonly askFails: number
    readonly capacityBytes: number
  }
  readonly #networkId = new Uint8Array(32).fill(7)
  #flips: Flip[] = []
  #hasSkipped = false
  #lostReported = 0
  readonly #reported = new Set<string>()
  #everSkipped = false
  #isEnding = false
  readonly #counts = {
    starts: 0,
    crashes: 0,
    rots: 0,
    skips: 0,
    removed: 0,
    kept: 0,
    found: 0,
    leftovers: 0,
  }

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('fragments')
    const random = this.#random.fork('settings')
    this.#swarm = drawSwarm(random)
    const cellsMax = random.pick([3, 8])
    const count = random.pick([5, 20, 60])
    this.#model = new FragmentsModel(random, count, { cellBytes: CELL_BYTES, cellsMax })
    const totalBytes = this.#model.fragments.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#settings = {
      writers: random.pick([1, 3, 6]),
      thinkMs: random.pick([10, 30, 100]),
      leaseMs: random.pick([50, 200, 1_000]),
      graceMs: random.pick([0, 50, 500]),
      collectMs: random.pick([20, 200, 1_000]),
      scrubMs: random.pick([50, 500]),
      askFails: random.pick([0, 0, 0.2]),
      capacityBytes: random.chance(0.3)
        ? RESERVE_BYTES + Math.ceil(totalBytes * random.pick([0.5, 1.5, 4]))
        : Number.POSITIVE_INFINITY,
    }
    const { drive } = this.#swarm
    this.#users = new FragmentUsers(this.#model, this.#settings, id => this.#forget(id))
    this.#keys = new SimKeyValueDrive(world, 'keys', drive)
    this.#peer = world.addPeer('p', {
      drive: { ...drive, capacityBytes: this.#settings.capacityBytes },
      program: environment => this.#program(environment),
    })
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    const { faults } = this.#swarm
    Object.assign(this.#peer.drive.faults, faults)
    this.#keys.faults.syncError = (faults.syncError ?? 0) / 2
    this.#keys.faults.readError = (faults.readError ?? 0) / 2
    this.#keys.faults.full = this.#random.pick([0, 0, 0.01])
    this.#keys.faults.shortPage = 0.3
    this.#keys.faults.nextLog = 1 / 16
    while (this.#world.nowMs < durationMs) {
      this.#start()
      await this.#world.sleep(this.#random.exponential(this.#swarm.crashEveryMs))
      this.#crash()
      await this.#world.sleep(this.#random.exponential(this.#swarm.downMs))
    }
    await this.#checkEnd()
    return { ...this.#counts, ...this.#users.counts }
  }

  #start(): void {
    if (this.#peer.isRunning || this.#isEnding) return
    this.#counts.starts++
    for (const hold of this.#model.holds) hold.isBusy = false
    this.#peer.start(error => {
      if (error instanceof Violation || codeOf(error) === undefined) this.#world.fail(error)
      else this.#world.schedule(20, () => this.#start())
    })
  }

  #crash(): void {
    if (!this.#peer.isRunning) return
    this.#counts.crashes++
    const isPower = this.#random.chance(this.#swarm.powerShare)
    this.#peer.crash(isPower ? 'power' : 'process')
    if (!isPower) return
    this.#keys.cutPower()
    if (!this.#random.chance(this.#swarm.rotShare)) return
    this.#rot(true)
    // What the medium has is what a process will read.
    this.#peer.drive.cutPower()
  }

  #rot(isOff: boolean): void {
    this.#counts.rots++
    if (this.#random.chance(0.5)) this.#rotFile()
    else if (!isOff || this.#random.chance(0.6)) this.#rotKey()
    else this.#skipBatch()
  }

  #rotFile(): void {
    const files = this.#peer.drive
      .files()
      .filter(({ path, sizeBytes }) => path.startsWith('frag/') && sizeBytes > 0)
    if (files.length === 0) return
    const { path, sizeBytes } = this.#random.pick(files)
    // Ends are where a scrubber may stop too early.
    const isEnd = this.#random.chance(0.3)
    const position = isEnd
      ? sizeBytes - 1 - this.#random.below(Math.min(64, sizeBytes))
      : this.#random.below(sizeBytes)
    const { drive } = this.#peer
    drive.flipBit(path, position, this.#random.below(8))
    const spoiled = drive.byteAt(path, position)
    const isLeft = (): boolean =>
      drive.files().some(file => file.path === path && file.sizeBytes > position) &&
      drive.byteAt(path, position) === spoiled
    this.#flip(path.slice(path.lastIndexOf('/') + 1), isLeft)
  }

  #rotKey(): void {
    // Records and cells: f and c.
    const all = this.#keys.keys().filter(key => key.startsWith('66') || key.startsWith('63'))
    // Records the collector will soon look at: it must not take them for what it finds there.
    const due = all.filter(key => key.startsWith('66') && this.#hasHint(key.slice(2)))
    const keys = due.length > 0 && this.#random.chance(0.5) ? due : all
    if (keys.length === 0) return
    const key = this.#random.pick(keys)
    this.#keys.flipBit(key)
    const spoiled = this.#keys.value(key) as Uint8Array
    const isLeft = (): boolean => equals(this.#keys.value(key) ?? new Uint8Array(0), spoiled)
    this.#flip(names.encode(Uint8Array.from(Buffer.from(key.slice(2), 'hex'))), isLeft)
  }

  #hasHint(id: string): boolean {
    return this.#keys.keys().some(key => key.startsWith('65') && key.endsWith(id))
  }

  #flip(id: string, isLeft: () => boolean): void {
    const isKept = !this.#hasSkipped && this.#model.isKept(id)
    this.#flips.push({ id, isLeft, isKept, atMs: this.#world.nowMs })
    this.#reported.delete(id)
    this.#model.void(id)
  }

  /** What had rotted was replaced, or may be removed. */
  #forget(id: string): void {
    this.#flips = this.#flips.filter(flip => flip.id !== id)
  }

  #skipBatch(): void {
    if (!this.#keys.skipBatch()) return
    this.#counts.skips++
    this.#hasSkipped = true
    this.#everSkipped = true
  }

  async #program(environment: Environment): Promise<void> {
    const store = await this.#open(environment)
    // What has rotted may be met first by a scrubber, or by readers, writers and the collector.
    if (this.#isEnding || this.#hasSkipped || this.#random.chance(0.5)) {
      await this.#verify(store, environment)
    }
    if (this.#isEnding) {
      await this.#settle(store, environment)
      return
    }
    await Promise.all([
      this.#collect(store, environment),
      this.#scrub(store, environment),
      this.#shrinkAndGrow(environment),
      this.#decay(environment),
      ...Array.from({ length: this.#settings.writers }, (_, at) =>
        this.#users.write(store, environment, at),
      ),
    ])
  }

  async #open({ disk, clock, random }: Environment): Promise<FragmentStore> {
    const store = await FragmentStore.open({
      disk,
      clock,
      random,
      names,
      keyValue: this.#keys.open(this.#peer.receiver()),
      networkId: this.#networkId,
      cellBytes: CELL_BYTES,
      reserveBytes: RESERVE_BYTES,
      lostRecordGraceMs: LOST_RECORD_GRACE_MS,
      onFinding: finding => this.#find(finding),
    })
    this.#counts.leftovers += store.recovered.removed
    return store
  }

  #find(finding: Finding): void {
    this.#counts.found++
    if (finding.kind === 'lost') {
      demand(this.#hasSkipped, 'records are said to be lost where none was')
      this.#lostReported++
      return
    }
    const { id, reason } = finding
    this.#reported.add(id)
    const isExcused = this.#hasSkipped || this.#model.rotten.has(id) || this.#wasStruck(id)
    demand(isExcused, `${id} is said to be rotten where nothing rotted: ${reason}`)
    // Its record may be lost, and with it who needs it.
    for (const hold of this.#model.holds) if (hold.fragment.id === id) hold.isKept = false
  }

  /** Whether a read of the fragment failed since this was asked last. */
  #wasStruck(id: string): boolean {
    const key = toHex(names.decode(id))
    const paths = [...this.#peer.drive.struck].filter(path => path.endsWith(id))
    const keys = [...this.#keys.struck].filter(struck => struck.endsWith(key))
    for (const path of paths) this.#peer.drive.struck.delete(path)
    for (const struck of keys) this.#keys.struck.delete(struck)
    return paths.length + keys.length > 0
  }

  /** After a start: what rotted is found by one whole pass, and what was promised is there. */
  async #verify(store: FragmentStore, { clock }: Environment): Promise<void> {
    if (this.#model.rotten.size > 0 || this.#hasSkipped) {
      // The first pass may only be the rest of one that was begun before.
      await store.scrubber.pass()
      await store.scrubber.pass()
    }
    for (const { id, isLeft, isKept, atMs } of this.#flips) {
      const info = await store.stat(id)
      const isReported = this.#reported.has(id)
      if (info !== undefined) {
        demand(isReported || info.isRotten || !isLeft(), `the rot of ${id} is not found`)
      } else if (isKept) {
        const ageMs = this.#world.nowMs - atMs
        demand(isReported && ageMs > LOST_RECORD_GRACE_MS, `${id} rotted and is gone too soon`)
      }
    }
    this.#flips = []
    if (!this.#hasSkipped) await this.#trustAgain(store)
    if (this.#hasSkipped) await this.#reviewAfterSkip(store, clock.wallMs())
    for (const { id } of this.#model.fragments) {
      const isKept = this.#model.isPromised(id, clock.wallMs())
      const info = await store.stat(id)
      if (isKept) demand(info !== undefined, `${id} was acknowledged and is gone`)
    }
  }

  /** What the store says is sound after a whole pass must be so. */
  async #trustAgain(store: FragmentStore): Promise<void> {
    for (const id of this.#model.rotten) {
      if ((await store.stat(id))?.isRotten === false) this.#model.rotten.delete(id)
    }
  }

  /** Whole batches are gone: which, nobody can know, but that some are must be known. */
  async #reviewAfterSkip(store: FragmentStore, nowMs: number): Promise<void> {
    let missing = 0
    for (const { id } of this.#model.fragments) {
      const isKept = this.#model.isPromised(id, nowMs)
      if (isKept && (await store.stat(id)) === undefined) missing++
    }
    demand(missing === 0 || this.#lostReported > 0, `${missing} fragments vanished without a word`)
    for (const { id } of this.#model.fragments) this.#model.void(id)
    for (const hold of this.#model.holds) {
      hold.isDoubtful = true
      hold.isKept = false
    }
    this.#lostReported = 0
    this.#hasSkipped = false
  }

  async #collect(store: FragmentStore, { timers, random }: Environment): Promise<never> {
    for (;;) {
      await sleep(timers, random.exponential(this.#settings.collectMs))
      await this.#collectOnce(store)
    }
  }

  async #collectOnce(store: FragmentStore, canAsk = true): Promise<void> {
    try {
      const { removed, kept } = await store.collect(async (id, reference) => {
        if (canAsk && this.#random.chance(this.#settings.askFails)) throw unreachable()
        return this.#model.isListed(id, reference)
      })
      this.#counts.removed += removed
      this.#counts.kept += kept
    } catch (error) {
      this.#users.excuse(error)
    }
  }

  async #scrub(store: FragmentStore, { timers, random }: Environment): Promise<never> {
    for (;;) {
      await sleep(timers, random.exponential(this.#settings.scrubMs))
      try {
        await store.scrubber.pass(busyMs => sleep(timers, 1 + busyMs))
      } catch (error) {
        this.#users.excuse(error)
      }
    }
  }

  /** The medium rots while the store is at work. */
  async #decay({ timers, random }: Environment): Promise<void> {
    for (;;) {
      await sleep(timers, random.exponential(500))
      if (random.chance(this.#swarm.rotShare)) this.#rot(false)
    }
  }

  /** Others fill the disk, and tidy up. */
  async #shrinkAndGrow({ timers, random }: Environment): Promise<void> {
    if (!Number.isFinite(this.#settings.capacityBytes)) return
    const { drive } = this.#peer
    for (;;) {
      await sleep(timers, random.exponential(300))
      drive.capacityBytes = drive.usedBytes + random.below(2_000)
      await sleep(timers, random.exponential(100))
      drive.capacityBytes = this.#settings.capacityBytes
    }
  }

  /** Once nothing is wrong any more, the store takes more, and keeps exactly what it should. */
  async #checkEnd(): Promise<void> {
    const { drive } = this.#peer
    for (const faults of [drive.faults, this.#keys.faults] as unknown as Record<string, number>[]) {
      for (const fault of Object.keys(faults)) faults[fault] = 0
    }
    drive.capacityBytes = Number.POSITIVE_INFINITY
    this.#isEnding = true
    if (this.#peer.isRunning) this.#peer.crash('process')
    for (const hold of this.#model.holds) hold.isBusy = false
    const ending = Promise.withResolvers<unknown>()
    this.#peer.start(ending.resolve)
    const error = await ending.promise
    if (error !== undefined) throw error as Error
  }

  async #settle(store: FragmentStore, environment: Environment): Promise<void> {
    const doubtful = this.#model.holds.filter(({ isDoubtful }) => isDoubtful)
    for (const hold of doubtful) await this.#users.release(store, hold)
    if (this.#everSkipped) await this.#releaseUnlisted(store)
    await sleep(environment.timers, LONG_MS)
    await this.#collectOnce(store, false)
    const fragment = this.#model.fragments[0] as TestFragment
    const hold = this.#model.newHold(fragment, 9)
    const put = {
      ...hold.name,
      sizeBytes: fragment.bytes.length,
      sealed: fragment.bytes.subarray(0, fragment.bytes.length % 200),
    }
    const outcome = await store.put(fragment.id, put, fragment.cells)
    if (outcome === 'stored') this.#model.rotten.delete(fragment.id)
    await this.#users.commit(store, hold)
    await sleep(environment.timers, LONG_MS)
    await this.#collectOnce(store, false)
    await sleep(environment.timers, LONG_MS)
    await this.#collectOnce(store, false)
    // How much a record stood for that nobody could read, only a census knows.
    if (this.#counts.rots > 0) {
      await store.scrubber.pass()
      await store.scrubber.pass()
    }
    await this.#compare(store)
    this.#compareFiles(store, await listAll(store))
  }

  /** References may have returned whose end was in a batch that the medium lost. */
  async #releaseUnlisted(store: FragmentStore): Promise<void> {
    for (const { id, references } of await listAll(store)) {
      for (const reference of references) {
        if (!this.#model.isListed(id, reference)) await store.release(id, reference, 0)
      }
    }
  }

  /** What is listed is here and can be read, and nothing else is here. */
  async #compare(store: FragmentStore): Promise<void> {
    const wanted = new Set(
      this.#model.holds.filter(({ isListed }) => isListed).map(({ fragment }) => fragment.id),
    )
    const infos = await listAll(store)
    for (const { id } of infos) demand(wanted.has(id), `${id} is kept though nobody needs it`)
    demand(infos.length === wanted.size, `${infos.length} fragments of ${wanted.size} are left`)
    for (const { id } of infos) {
      if (this.#model.rotten.has(id)) continue
      const whole = this.#model.fragment(id)?.cells ?? []
      let at = 0
      for await (const cell of store.read(id)) {
        demand(equals(cell, whole[at++] as Uint8Array), `${id} is another`)
      }
      demand(at === whole.length, `${id} has all its cells`)
    }
    const usedBytes = infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    demand(store.usage.usedBytes === usedBytes, `${store.usage.usedBytes} bytes, not ${usedBytes}`)
    demand(store.usage.fragments === infos.length, `${store.usage.fragments} fragments`)
  }

  #compareFiles(store: FragmentStore, infos: readonly FragmentInfo[]): void {
    const large = infos.filter(({ sizeBytes }) => sizeBytes > CELL_BYTES)
    const files = this.#peer.drive
      .files()
      .map(({ path }) => path)
      .filter(path => path.includes('/'))
    const homes = large.map(({ id }) => `frag/${toHex(names.decode(id).slice(4, 5))}/${id}`)
    demand(
      files.toSorted().join() === homes.toSorted().join(),
      `files are left over or gone: ${files.join(' ')}, not ${homes.join(' ')}`,
    )
    const keys = this.#keys.keys()
    const countOf = (prefix: string): number => keys.filter(key => key.startsWith(prefix)).length
    demand(countOf('66') === infos.length, `${countOf('66')} records, not ${infos.length}`)
    demand(countOf('63') === infos.length - large.length, `${countOf('63')} cells are left`)
    demand(countOf('65') === 0, `${countOf('65')} hints are left`)
    demand(!store.usage.isReadonly, 'the store is read-only although there is room')
  }
}

async function listAll(store: FragmentStore): Promise<FragmentInfo[]> {
  const infos: FragmentInfo[] = []
  for (let page = await store.list(); page.length > 0;) {
    infos.push(...page)
    page = await store.list({ after: (page.at(-1) as FragmentInfo).id })
  }
  return infos
}

const unreachable = (): HoldfastError =>
  new HoldfastError('The catalog is away', { code: 'TIMEOUT', what: 'catalog', afterMs: 1 })
