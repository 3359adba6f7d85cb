import type { Environment, Random } from '../../../src/base/environment.ts'
import { codeOf, HoldfastError } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { CheckedDisk } from '../../../src/storage/disk.ts'
import { groupBit } from '../../../src/storage/wal-frame.ts'
import type { WalRecord } from '../../../src/storage/wal-record.ts'
import { Wal } from '../../../src/storage/wal.ts'
import { demand, type Scenario, Violation } from '../scenario.ts'
import type { SimPeer } from '../sim-peer.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'
import type { World } from '../world.ts'
import { differenceOf, isGenuine, type ModelGroup, payloadOf, WalModel } from './wal-model.ts'

/**
 * Writers append to the log of one peer whose process is killed, whose power is cut, whose disk
 * lies, fills up and rots. After each start the log must hold everything it ever acknowledged or
 * reported, and nothing that was never written; what rotted must be reported, and nothing else.
 */
export const walScenario: Scenario = {
  name: 'wal',
  minutes: 0.1,
  play: (world, minutes) => new WalRun(world).play(minutes * 60_000),
}

const GROUP_ENTRIES_MAX = 40
/** How long a writer waits for space. */
const PATIENCE_MS = 200
const LIFE_SIGNS_MS = 500

class WalRun {
  readonly #world: World
  readonly #random: Random
  readonly #swarm: Swarm
  readonly #peer: SimPeer
  readonly #model = new WalModel()
  readonly #settings: {
    readonly segmentBytes: number
    readonly frameBytesMax: number
    readonly vouchAfterMs: number
    readonly segmentsBeforeRewrite: number
    readonly writers: number
    readonly groups: number
    readonly thinkMs: number
    readonly entryBytesMax: number
  }
  /** Whether flushes and everything else go through disks of their own, as in a real peer. */
  readonly #hasTwoDisks: boolean
  /** The log of the running process, once it was found to be right. */
  #wal: Wal | undefined
  /** The writers hold still. */
  #isQuiet = false
  #hasRotted = false
  #lastPayload = 0
  readonly #counts = {
    starts: 0,
    failedStarts: 0,
    crashes: 0,
    closed: 0,
    rots: 0,
    acknowledged: 0,
    refused: 0,
    damages: 0,
    torn: 0,
  }

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('wal')
    const random = this.#random.fork('settings')
    this.#swarm = drawSwarm(random)
    const segmentBytes = random.pick([8_192, 16_384, 65_536])
    this.#settings = {
      segmentBytes,
      frameBytesMax: random.pick([2_048, 4_096, 6_144]),
      vouchAfterMs: random.pick([2, 20, 100]),
      segmentsBeforeRewrite: random.pick([2, 3, 5]),
      writers: random.pick([1, 2, 8]),
      groups: random.pick([1, 3, 6]),
      thinkMs: random.pick([5, 20, 100]),
      entryBytesMax: random.pick([40, 300, 1_500]),
    }
    this.#hasTwoDisks = random.chance(0.5)
    this.#peer = world.addPeer('p', {
      clock: this.#swarm.clock,
      drive: {
        ...this.#swarm.drive,
        ...(random.chance(0.3) ? { capacityBytes: segmentBytes * random.pick([3, 5, 9]) } : {}),
      },
      program: environment => this.#program(environment),
    })
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    Object.assign(this.#peer.drive.faults, this.#swarm.faults)
    while (this.#world.nowMs < durationMs) {
      this.#start()
      await this.#world.sleep(this.#random.exponential(this.#swarm.crashEveryMs))
      if (this.#random.chance(this.#swarm.rotShare / 4)) this.#rot()
      else await this.#end()
      await this.#world.sleep(this.#random.exponential(this.#swarm.downMs))
    }
    await this.#checkLife()
    return this.#counts
  }

  /** Once nothing is wrong any more, the log opens, keeps what it had, takes more, and frees space. */
  async #checkLife(): Promise<void> {
    this.#calm()
    const before = this.#counts.acknowledged
    this.#start()
    // A sync may still be on its slow way from before.
    for (let waits = 0; waits < 60 && this.#counts.acknowledged < before + 10; waits++) {
      await this.#world.sleep(LIFE_SIGNS_MS)
    }
    demand(this.#counts.acknowledged > before, 'the log takes nothing although all is well again')
    await this.#checkSpace()
    await this.#close()
    const { openFiles } = this.#peer.drive
    demand(openFiles === 0, `${openFiles} files are open after the log was closed`)
  }

  #calm(): void {
    const { drive } = this.#peer
    for (const fault of Object.keys(drive.faults)) {
      drive.faults[fault as keyof typeof drive.faults] = 0
    }
    drive.capacityBytes = Number.POSITIVE_INFINITY
  }

  /** Written over and over with nothing kept, the log does not grow. */
  async #checkSpace(): Promise<void> {
    const wal = this.#wal
    demand(wal !== undefined, 'the log is open')
    this.#isQuiet = true
    await this.#world.sleep(1_000)
    const { segmentBytes, frameBytesMax, segmentsBeforeRewrite } = this.#settings
    const rounds = (segmentsBeforeRewrite + 12) * Math.ceil(segmentBytes / (frameBytesMax / 2))
    for (const { group, lastIndex, lastTerm, damage } of wal.groups) {
      if (damage !== undefined) await this.#startAnew(wal, [group])
      else await this.#append(wal, [{ type: 'trim', group, index: lastIndex, term: lastTerm }])
    }
    await wal.append([{ type: 'base', group: 1_000, index: 0, term: 0 }])
    for (let index = 1; index <= rounds; index++) {
      const payload = new Uint8Array(frameBytesMax / 2)
      await wal.append([
        { type: 'entry', group: 1_000, index, term: 1, payload },
        { type: 'trim', group: 1_000, index, term: 1 },
      ])
    }
    // Space is freed beside the writing, and may lag behind it.
    for (let calls = 0; calls < 10; calls++) {
      await this.#world.sleep(500)
      await wal.append([{ type: 'base', group: 1_000, index: 0, term: 0 }])
    }
    await wal.append([{ type: 'drop', group: 1_000 }])
    const files = this.#peer.drive.files().length
    const bound = segmentsBeforeRewrite + 4
    demand(wal.segmentCount <= bound, `${wal.segmentCount} segments are kept, not ${bound}`)
    demand(files <= bound + 2, `${files} files are kept for ${wal.segmentCount} segments`)
  }

  #start(): void {
    if (this.#peer.isRunning) return
    this.#counts.starts++
    this.#wal = undefined
    this.#peer.start(error => {
      if (error === undefined) return
      if (error instanceof Violation || codeOf(error) === undefined) this.#world.fail(error)
      else this.#world.schedule(20, () => this.#start())
    })
  }

  /** The process ends: it is killed, with or without the machine, or closes the log. */
  async #end(): Promise<void> {
    if (!this.#peer.isRunning) return
    if (this.#random.chance(0.2)) await this.#close()
    if (!this.#peer.isRunning) return
    this.#counts.crashes++
    const isPower = this.#random.chance(this.#swarm.powerShare)
    this.#peer.crash(isPower ? 'power' : 'process')
    if (this.#random.chance(this.#swarm.rotShare)) this.#rot()
  }

  /** Closing ends, whatever the disk does. */
  async #close(): Promise<void> {
    const wal = this.#wal
    if (wal === undefined) return
    let isClosed = false
    const ended = (): void => {
      isClosed = true
    }
    wal.close().then(ended, (error: unknown) => {
      if (codeOf(error) === undefined) this.#world.fail(error)
      ended()
    })
    // A writer that meets the closed log ends the process, and with it the closing.
    const isWaiting = (): boolean => !isClosed && this.#peer.isRunning && this.#wal === wal
    for (let waits = 0; waits < 600 && isWaiting(); waits++) await this.#world.sleep(100)
    demand(!isWaiting(), 'the log does not close within a minute')
    this.#counts.closed++
  }

  #rot(): void {
    const files = this.#peer.drive.files().filter(({ sizeBytes }) => sizeBytes > 0)
    if (files.length === 0) return
    this.#counts.rots++
    this.#hasRotted = true
    if (this.#random.chance(0.3) && this.#rotWidely(files)) return
    const { path, sizeBytes, newest } = this.#random.pick(files)
    // Half of the time where it hurts most: in what was written last.
    const isNewest = newest.sizeBytes > 0 && this.#random.chance(0.5)
    const position = isNewest
      ? newest.position + this.#random.below(newest.sizeBytes)
      : this.#random.below(sizeBytes)
    this.#peer.drive.rot(path, Math.min(position, sizeBytes - 1), 'bit')
  }

  /**
   * A sector or a page turns into noise. Not in the newest two files: noise over the very last frame
   * cannot be told from a write that never came, which the log does not claim to see.
   */
  #rotWidely(files: readonly { path: string; sizeBytes: number }[]): boolean {
    const segments = files.filter(({ path }) => path.endsWith('.wal'))
    const older = segments.toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, -2)
    if (older.length === 0) return false
    const { path, sizeBytes } = this.#random.pick(older)
    const unit = this.#random.pick([512, 4_096])
    const position = unit * this.#random.below(Math.ceil(sizeBytes / unit))
    this.#peer.drive.rot(path, position, unit)
    return true
  }

  async #program(environment: Environment): Promise<void> {
    const wal = await this.#open(environment)
    await this.#verify(wal)
    this.#wal = wal
    const { writers } = this.#settings
    await Promise.all(Array.from({ length: writers }, () => this.#write(wal, environment)))
  }

  async #open({ disk, timers, random }: Environment): Promise<Wal> {
    const { drive } = this.#peer
    const background = this.#hasTwoDisks
      ? new CheckedDisk(drive.calls(this.#peer.receiver()))
      : disk
    try {
      const networkId = new Uint8Array(32).fill(7)
      const seams = { disk, background, timers, random }
      return await Wal.open({ ...seams, networkId, ...this.#settings })
    } catch (error) {
      this.#counts.failedStarts++
      throw error
    }
  }

  /** Compares what the log found with what it must and may have. */
  async #verify(wal: Wal): Promise<void> {
    const { damages, isTorn } = wal.recovery
    if (isTorn) this.#counts.torn++
    this.#counts.damages += damages.length
    demand(this.#hasRotted || damages.length === 0, 'damage is reported where nothing rotted')
    const found = await readAll(wal)
    const damaged = wal.groups.filter(({ damage }) => damage !== undefined)
    demand(this.#hasRotted || damaged.length === 0, 'a group is damaged though nothing rotted')
    const spared = new Set(damaged.map(({ group }) => group))
    // A group of which nothing is left to be flagged: the report of the lost frame names it.
    for (const group of this.#model.tip.keys()) {
      const isNamed = damages.some(({ groups }) => (groups & groupBit(group)) !== 0)
      if (isNamed && wal.group(group) === undefined) spared.add(group)
    }
    const complaints: string[] = []
    let count = 0
    for (const candidate of this.#model.candidates()) {
      const groups = new Set(
        [...found.keys(), ...candidate.keys()].filter(group => !spared.has(group)),
      )
      const wrong = [...groups].flatMap(group => {
        const difference = differenceOf(found.get(group), candidate.get(group))
        return difference === undefined ? [] : [`group ${group}: ${difference}`]
      })
      if (wrong.length === 0) {
        this.#model.settle(count)
        this.#model.forget()
        await this.#startAnew(wal, [...spared])
        wal.forgiveDamage()
        return
      }
      complaints.push(wrong.join('; '))
      count++
    }
    const rotted = this.#hasRotted ? ', with rot' : ''
    throw new Violation(
      `the log is none of the ${count} it may be${rotted}:\n${complaints.join('\n')}`,
    )
  }

  /** What a replica does whose log lost something: begins again where the others are. */
  async #startAnew(wal: Wal, groups: readonly number[]): Promise<void> {
    for (const group of groups) {
      const known = this.#model.tip.get(group)
      const index = (known?.baseIndex ?? 0) + (known?.entries.length ?? 0)
      const term = known?.entries.at(-1)?.term ?? known?.baseTerm ?? 0
      const wasAppended = await this.#append(wal, [{ type: 'base', group, index, term }])
      if (!wasAppended) throw noRoomYet()
    }
  }

  async #write(wal: Wal, environment: Environment): Promise<void> {
    const random = environment.random.fork(`writer ${this.#world.nowMs}`)
    for (;;) {
      await sleep(environment.timers, random.exponential(this.#settings.thinkMs))
      if (this.#isQuiet) await new Promise(() => undefined)
      const wasAppended = await this.#append(wal, this.#invent(random))
      if (!wasAppended) await sleep(environment.timers, PATIENCE_MS)
      if (random.chance(0.02)) await this.#compareOne(wal, random)
    }
  }

  async #append(wal: Wal, records: readonly WalRecord[]): Promise<boolean> {
    const append = this.#model.begin(records)
    try {
      await wal.append(records)
      this.#counts.acknowledged++
      this.#model.acknowledge(append)
      return true
    } catch (error) {
      if (codeOf(error) !== 'DISK_FULL' && codeOf(error) !== 'DISK_IO') throw error
      this.#counts.refused++
      this.#model.refuse(append)
      return false
    }
  }

  /** Reads a settled group while others write. */
  async #compareOne(wal: Wal, random: Random): Promise<void> {
    const groups = [...this.#model.settled.keys()]
    if (groups.length === 0) return
    const group = random.pick(groups)
    const from = (wal.group(group)?.baseIndex ?? 0) + 1
    try {
      for (const { payload } of await wal.read(group, from, 4_096)) {
        demand(isGenuine(payload), `group ${group} returns bytes that nobody wrote`)
      }
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      demand(code !== 'LOG_DAMAGED' || this.#hasRotted, 'a read finds damage where nothing rotted')
      if (code === 'LOG_DAMAGED') await this.#startAnew(wal, [group])
    }
  }

  /** Something a group might do next. */
  #invent(random: Random): WalRecord[] {
    const group = random.below(this.#settings.groups)
    const known = this.#model.tip.get(group)
    if (known === undefined) return [{ type: 'base', group, index: 0, term: 0 }]
    const records: WalRecord[] = []
    const lastIndex = known.baseIndex + known.entries.length
    const lastTerm = known.entries.at(-1)?.term ?? known.baseTerm
    if (random.chance(0.3)) records.push({ type: 'state', group, payload: this.#payload(random) })
    if (known.entries.length > GROUP_ENTRIES_MAX || random.chance(0.03)) {
      const index = known.baseIndex + random.below(known.entries.length + 1)
      const term = known.entries[index - known.baseIndex - 1]?.term ?? known.baseTerm
      return [...records, { type: 'trim', group, index, term }]
    }
    if (random.chance(0.01)) return [...records, { type: 'drop', group }]
    if (random.chance(0.01)) {
      return [...records, { type: 'base', group, index: lastIndex + 5, term: lastTerm + 1 }]
    }
    const first = random.chance(0.1)
      ? lastIndex + 1 - random.below(Math.min(3, known.entries.length + 1))
      : lastIndex + 1
    if (random.chance(0.03)) return [...records, { type: 'truncate', group, index: first - 1 }]
    const term = first <= lastIndex ? lastTerm + 1 : lastTerm + random.below(2)
    const count = 1 + random.below(3)
    for (let index = first; index < first + count; index++) {
      records.push({ type: 'entry', group, index, term, payload: this.#payload(random) })
    }
    return this.#fitting(records)
  }

  /** Only as much as one append may hold. */
  #fitting(records: WalRecord[]): WalRecord[] {
    let size = 0
    return records.filter(record => {
      size += 64 + ('payload' in record ? record.payload.length : 0)
      return size <= this.#settings.frameBytesMax - 64
    })
  }

  #payload(random: Random): Uint8Array {
    return payloadOf(++this.#lastPayload, 4 + random.below(this.#settings.entryBytesMax))
  }
}

/** Everything the log holds, but for groups that say they are damaged. */
async function readAll(wal: Wal): Promise<Map<number, ModelGroup>> {
  const found = new Map<number, ModelGroup>()
  for (const { group, baseIndex, baseTerm, lastIndex, state, damage } of wal.groups) {
    if (damage !== undefined) continue
    const read = await wal.read(group, baseIndex + 1, Number.MAX_SAFE_INTEGER)
    demand(read.length === lastIndex - baseIndex, `group ${group} returns all its entries`)
    const entries = read.map(({ term, payload }) => ({ term, payload }))
    found.set(group, { baseIndex, baseTerm, entries, state })
  }
  return found
}

/** A process that cannot even begin anew gives up until it is started again. */
const noRoomYet = (): HoldfastError =>
  new HoldfastError('Cannot begin anew', { code: 'CLOSED', what: 'log' })
