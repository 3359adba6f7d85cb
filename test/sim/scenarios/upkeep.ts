import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { pickScheme } from '../../../src/erasure/pick-scheme.ts'
import { InlineCoder } from '../../../src/node/coder/inline-coder.ts'
import type { UpkeepSettings } from '../../../src/node/upkeep/upkeep-settings.ts'
import { Town } from '../../support/fragment-town.ts'
import { type Lie, lying } from '../../support/liar.ts'
import { LocalCatalog } from '../../support/local-catalog.ts'
import type { CatalogWatch } from '../../support/town-catalog.ts'
import type { Missing, Stored } from '../../support/town-objects.ts'
import { UpkeepTown } from '../../support/upkeep-town.ts'
import { demand, type Scenario } from '../scenario.ts'
import { EPOCH_MS } from '../sim-clock.ts'
import type { World } from '../world.ts'

/**
 * Clients store and delete while peers are killed, frozen, cut from power, wiped, drained, added, run
 * out of disk, rot and lie, and the lead of the catalog goes round. Whatever was acknowledged reads
 * back as it was, all the time; a fragment is listed only where it is durable, and never goes while
 * it is listed; and once all is well everything is whole, and nothing is left that nobody needs.
 *
 * No segment may lose more than its parity bears: so one peer is out of order at a time, and nothing
 * is lost for good while anything is missing.
 */
export const upkeepScenario: Scenario = {
  name: 'upkeep',
  minutes: 4,
  play: (world, minutes) => new UpkeepRun(world).play(minutes * 60_000),
}

const coding = InlineCoder.create()
const OBJECTS_MAX = 12
/** Longer than all leases, graces and pauses of the settings below. */
const SETTLE_MS = 420_000
const PEERS_MAX = 11

class UpkeepRun {
  readonly #world: World
  readonly #random: Random
  readonly #settings: Partial<UpkeepSettings>
  readonly #capacityBytes: number
  readonly #lies = new Map<string, Lie>()
  /** Writers may have believed them. */
  readonly #liars = new Set<string>()
  readonly #objects: Stored[] = []
  #town: UpkeepTown | undefined
  #opening: Promise<UpkeepTown> | undefined
  #next = 0
  #keys = 0
  /** Who is out of order now; empty if nobody is. */
  #patient = ''
  readonly #counts = {
    puts: 0,
    refused: 0,
    deletes: 0,
    reads: 0,
    kills: 0,
    freezes: 0,
    wipes: 0,
    joins: 0,
    drains: 0,
    drained: 0,
    rots: 0,
    lies: 0,
    leads: 0,
    repairs: 0,
  }

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('upkeep scenario')
    const random = this.#random.fork('settings')
    this.#capacityBytes = random.pick([3_000_000, 1 << 30])
    this.#settings = {
      graceMs: random.pick([5_000, 60_000]),
      auditEveryMs: random.pick([300, 2_000]),
      sweepEveryMs: random.pick([500, 3_000]),
      garbageGraceMs: random.pick([0, 5_000]),
      collectEveryMs: random.pick([500, 3_000]),
      scrubPassMs: 5_000,
      scrubPauseMs: random.pick([3_000, 20_000]),
      compareEveryMs: random.pick([15_000, 86_400_000]),
      rebalanceEveryMs: random.pick([5_000, 86_400_000]),
      schemeEveryMs: random.pick([2_000, 86_400_000]),
      schemeAgainMs: 20_000,
      shrinkAfterMs: 40_000,
      drainEveryMs: 500,
    }
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    await this.#found(this.#random.pick([5, 6, 8]))
    const endMs = this.#world.nowMs + durationMs
    while (this.#world.nowMs < endMs) {
      await this.#happen()
      await this.#world.sleep(this.#random.exponential(1_500))
      await this.#checkListed()
      if (this.#random.chance(0.5)) await this.#read()
    }
    await this.#settle()
    return this.#counts
  }

  get #upkeep(): UpkeepTown {
    return this.#town as UpkeepTown
  }

  async #found(peers: number): Promise<void> {
    const town = new Town(this.#world, await coding, {
      capacityBytes: this.#capacityBytes,
      disguise: (name, environment) => {
        const lie: Lie = { kind: 'none' }
        this.#lies.set(name, lie)
        return lying(environment, lie, environment.random.fork('lies'))
      },
      onFinding: (name, finding) => this.#town?.services.get(name)?.onFinding(finding),
      furnish: async peer => {
        this.#opening ??= this.#open(town)
        await (await this.#opening).furnish(peer)
      },
    })
    while (this.#next < peers) await this.#join(town)
    this.#town = await this.#opening
    await this.#upkeep.objects.createBucket()
    const { faults } = this.#upkeep
    faults.refused = this.#random.pick([0, 0.05])
    faults.unanswered = this.#random.pick([0, 0.05])
  }

  async #open(town: Town): Promise<UpkeepTown> {
    const catalog = await LocalCatalog.open({ wallMs: () => EPOCH_MS + this.#world.nowMs })
    const random = this.#random.fork('town')
    const onListed: CatalogWatch = listed => this.#checkNew(listed)
    return new UpkeepTown(town, catalog, { settings: this.#settings, random, onListed })
  }

  async #join(town: Town = this.#upkeep.town): Promise<void> {
    const name = `p${this.#next++}`
    town.add(name)
    await town.until(() => town.names.includes(name))
  }

  async #happen(): Promise<void> {
    const random = this.#random
    const happenings: (() => Promise<void> | void)[] = [
      () => this.#put(),
      () => this.#put(),
      () => this.#put(),
      () => this.#delete(),
      () => this.#outOfOrder(),
      () => this.#outOfOrder(),
      () => this.#outOfOrder(),
      () => this.#wipe(),
      () => this.#rot(),
      () => this.#drain(),
      () => this.#grow(),
      () => {
        this.#counts.leads++
        this.#upkeep.abdicate()
      },
    ]
    await random.pick(happenings)()
  }

  async #put(): Promise<void> {
    if (this.#objects.length >= OBJECTS_MAX) return this.#delete()
    const random = this.#random
    const alive = this.#upkeep.views().filter(({ state }) => state === 'alive').length
    const scheme = pickScheme(alive)
    if (scheme.m < 2) return
    const bytes = random.bytes(random.pick([100, 60_000, 65_536, 200_000]) + random.below(500))
    const key = `o${this.#keys++}`
    const isSlow = random.chance(0.3)
    const options = {
      missing: random.chance(0.3) ? 1 : 0,
      isListed: random.chance(0.9),
      leaseMs: random.pick([2_000, 30_000]),
      slowMs: isSlow ? random.below(15_000) : 0,
      isOpened: random.chance(0.5),
      commits: random.chance(0.7),
    }
    try {
      const stored = await this.#upkeep.objects.put(key, bytes, scheme, options)
      this.#counts.puts++
      if (options.isListed) this.#objects.push(stored)
    } catch (error) {
      const isRefused = ['WRITE_EXPIRED', 'TOO_FEW_PEERS'].includes(codeOf(error) ?? '')
      if (!isRefused) throw error
      this.#counts.refused++
    }
  }

  async #delete(): Promise<void> {
    if (this.#objects.length === 0) return
    const at = this.#random.below(this.#objects.length)
    const [{ key } = { key: '' }] = this.#objects.splice(at, 1)
    await this.#upkeep.objects.delete(key)
    this.#counts.deletes++
  }

  /** A peer dies, stands still, lies or has no room, and is well again a while later. */
  async #outOfOrder(): Promise<void> {
    if (this.#patient !== '') return
    const random = this.#random
    const name = random.pick(this.#healthy())
    this.#patient = name
    const lie = this.#lies.get(name) as Lie
    const awayMs = random.exponential(random.pick([3_000, 15_000, 60_000]))
    const [begin, end] = random.pick<readonly [() => void, () => Promise<void> | void]>([
      [() => this.#kill(name), () => this.#upkeep.restart(name)],
      [() => this.#freeze(name), () => this.#upkeep.thaw(name)],
      [() => this.#lie(name, 'flips'), () => this.#recover(lie)],
      [() => this.#lie(name, 'drops'), () => this.#recover(lie)],
    ])
    begin()
    this.#world.schedule(awayMs, () => {
      this.#heal(end).catch((error: unknown) => this.#world.fail(error))
    })
  }

  /** Until all is whole again nobody else may be out of order: what a liar dropped is still lost. */
  async #heal(end: () => Promise<void> | void): Promise<void> {
    await end()
    while ((await this.#upkeep.objects.lacking()) > 0) await this.#world.sleep(1_000)
    this.#patient = ''
  }

  #kill(name: string): void {
    this.#counts.kills++
    this.#upkeep.kill(name, this.#random.pick(['process', 'power']))
  }

  #freeze(name: string): void {
    this.#counts.freezes++
    this.#upkeep.freeze(name)
  }

  #lie(name: string, kind: Lie['kind']): void {
    this.#counts.lies++
    if (kind === 'drops') this.#liars.add(name)
    const lie = this.#lies.get(name) as Lie
    lie.kind = kind
  }

  #recover(lie: Lie): void {
    lie.kind = 'none'
  }

  /** A peer is gone for good, with all it had. */
  async #wipe(): Promise<void> {
    const healthy = this.#healthy()
    if (healthy.length < 6 || !(await this.#isWhole())) return
    const name = this.#random.pick(healthy)
    this.#counts.wipes++
    this.#upkeep.kill(name)
    this.#upkeep.retire(name)
  }

  async #rot(): Promise<void> {
    if (!(await this.#isWhole())) return
    const { machine } = this.#upkeep.town.peer(this.#random.pick(this.#healthy()))
    const { drive } = machine
    const files = drive
      .files()
      .filter(({ path, sizeBytes }) => path.startsWith('frag/') && sizeBytes > 0)
    if (files.length === 0) return
    const { path, sizeBytes } = this.#random.pick(files)
    this.#counts.rots++
    drive.flipBit(path, this.#random.below(sizeBytes), this.#random.below(8))
  }

  async #drain(): Promise<void> {
    const [draining] = this.#upkeep.views().filter(({ state }) => state === 'draining')
    const service = this.#upkeep.service(this.#random.pick(this.#healthy()))
    if (draining !== undefined) {
      const name = this.#upkeep.nameAt(draining.seat)
      if (this.#random.chance(0.5)) await service.undrain(name)
      return
    }
    const healthy = this.#healthy()
    if (healthy.length < 6) return
    this.#counts.drains++
    await service.drain(this.#random.pick(healthy))
  }

  async #grow(): Promise<void> {
    if (this.#healthy().length >= PEERS_MAX) return
    this.#counts.joins++
    await this.#join()
  }

  /** Those who are there, in order, and stay. */
  #healthy(): string[] {
    return this.#upkeep
      .views()
      .filter(({ state }) => state === 'alive')
      .map(({ seat }) => this.#upkeep.nameAt(seat))
      .filter(name => name !== this.#patient && this.#upkeep.runs(name))
  }

  async #isWhole(): Promise<boolean> {
    return this.#patient === '' && (await this.#upkeep.objects.lacking()) === 0
  }

  async #read(): Promise<void> {
    if (this.#objects.length === 0) return
    const object = this.#random.pick(this.#objects)
    this.#counts.reads++
    await this.#upkeep.objects.check(object, this.#random.pick(this.#healthy()))
  }

  /** What was just listed under a peer is there, durably. */
  async #checkNew({ name, index, fragment }: Parameters<CatalogWatch>[0]): Promise<void> {
    const holder = this.#upkeep.nameAt(fragment.seat)
    if (fragment.seat === 0 || !this.#upkeep.runs(holder)) return
    const segments = await this.#upkeep.objects.segments()
    const placed = segments.find(
      each => String(each.content) === String(name.content) && each.segment === name.segment,
    )
    if (placed === undefined) return
    await this.#demandThere({ placed, index, holder, why: 'absent' }, 'is listed unproven')
  }

  /** What is listed under a peer that never told writers a lie is there, or has rotted. */
  async #checkListed(): Promise<void> {
    for (const missing of await this.#upkeep.objects.missing()) {
      if (missing.why === 'absent' && !this.#liars.has(missing.holder))
        await this.#demandThere(missing, 'was dropped')
    }
    await this.#checkDrained()
  }

  /** Unless it was moved since it was looked up. */
  async #demandThere({ placed, index, holder }: Missing, what: string): Promise<void> {
    if ((await this.#upkeep.objects.whyMissing(placed, index)) !== 'absent') return
    const [now] = (await this.#upkeep.objects.segments()).filter(
      each => String(each.content) === String(placed.content) && each.segment === placed.segment,
    )
    const isListed =
      now?.record.generation === placed.record.generation &&
      now.record.fragments[index]?.seat === placed.record.fragments[index]?.seat
    if (!isListed || !this.#upkeep.runs(holder)) return
    demand(false, `fragment ${index} of ${placed.key} ${what} at ${holder}`)
  }

  async #checkDrained(): Promise<void> {
    for (const { peer, state } of await this.#upkeep.drains()) {
      if (state !== 'drained') continue
      this.#counts.drained++
      const seat = this.#upkeep.seatOf(peer)
      for (const { record, key } of await this.#upkeep.objects.segments()) {
        const isThere = record.fragments.some(fragment => fragment.seat === seat)
        demand(!isThere, `${peer} is called drained and has some of ${key}`)
      }
    }
  }

  /** Once all is well again, all is whole, and nothing is left over. */
  async #settle(): Promise<void> {
    const { faults, objects } = this.#upkeep
    Object.assign(faults, { refused: 0, unanswered: 0 })
    const sizes = (await objects.segments()).map(({ record }) => record.fragments.length)
    while (this.#healthy().length < Math.max(6, ...sizes)) await this.#join()
    while (this.#patient !== '') await this.#world.sleep(1_000)
    for (const { seat } of this.#upkeep.views().filter(({ state }) => state === 'draining')) {
      await this.#upkeep.service(this.#healthy()[0]).undrain(this.#upkeep.nameAt(seat))
    }
    await this.#world.sleep(SETTLE_MS)
    for (const { placed, index, holder, why } of await objects.missing()) {
      demand(false, `fragment ${index} of ${placed.key} is ${why} at '${holder}' in the end`)
    }
    for (const object of this.#objects) await objects.check(object)
    demand((await objects.garbage()) === 0, `${await objects.garbage()} fragments are garbage`)
    demand((await objects.unlisted()) === 0, `${await objects.unlisted()} fragments are left over`)
    const repairs = await this.#upkeep.service(this.#healthy()[0]).repairs({ limit: 1_000 })
    this.#counts.repairs = repairs.filter(({ outcome }) => outcome === 'done').length
    for (const { outcome, proofs } of repairs) {
      demand(outcome !== 'done' || proofs.length > 0, 'a repair was done without a proof')
    }
  }
}
