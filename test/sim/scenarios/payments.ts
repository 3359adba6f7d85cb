import { ledger, type Payment } from '../../../examples/payments/ledger.ts'
import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { HoldfastNode } from '../../../src/node/create-node.ts'
import { defineMachine } from '../../../src/node/machines/define-machine.ts'
import { Blows } from '../payments/blows.ts'
import { demand, type Scenario } from '../scenario.ts'
import { type House, Town } from '../town.ts'
import type { World } from '../world.ts'

/**
 * A thousand payments through three or five whole peers that replicate the ledger of
 * `examples/payments`, while processes die and hang, power fails, wires are cut, clocks are set.
 * Clients that hear nothing go on at another peer, and some send what was done once more. Money is
 * conserved, nobody is overdrawn, each key took effect once and was answered the same each time; who
 * reads sees all that was done before; in the end all peers tell one history.
 */
export const paymentsScenario: Scenario = {
  name: 'payments',
  minutes: 1,
  play: (world, minutes) => new PaymentsRun(world).play(Math.ceil(minutes * PAYMENTS_A_MINUTE)),
}

const PAYMENTS_A_MINUTE = 1_000
const ACCOUNTS = 12
const DEPOSIT = 1_000
/** So that some are overdrafts. */
const AMOUNT_MAX = 400
const SETTLED_MS = 120_000
/** Of a client between two payments. */
const PAUSE_MS = 120
/** As long as all of it may take. */
const DONE_MS = 30 * 60_000
const PAGE = 1_000

class PaymentsRun {
  readonly #world: World
  readonly #random: Random
  readonly #town: Town
  readonly #size: number
  /** Snapshots are taken so often that replicas which lag need them. */
  readonly #ledger: typeof ledger
  readonly #numbers = new Map<string, number>()
  readonly #refusals = new Map<string, string>()
  readonly #counts = {
    payments: 0,
    repeats: 0,
    refused: 0,
    retries: 0,
    reads: 0,
    crashes: 0,
    pauses: 0,
    cuts: 0,
    jumps: 0,
  }
  #begun = 0

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('payments scenario')
    this.#town = new Town(world)
    this.#size = this.#random.pick([3, 3, 5])
    const snapshotEntries = this.#random.pick([40, 300, 65_536])
    this.#ledger = defineMachine({ ...ledger, limits: { ...ledger.limits, snapshotEntries } })
    const { defaults } = world.network
    Object.assign(defaults, {
      latencyMs: this.#random.pick([0.2, 1, 5]),
      jitterMs: this.#random.pick([0, 0.5, 5]),
      loss: this.#random.pick([0, 0, 0.02]),
    })
  }

  async play(payments: number): Promise<Record<string, number>> {
    await this.#settle()
    await this.#openAccounts()
    const everyMs = this.#random.pick([500, 2_000, 6_000])
    const random = this.#random.fork('blows')
    const atOnceMax = this.#size === 5 ? 2 : 1
    const blows = new Blows({
      town: this.#town,
      random,
      atOnceMax,
      everyMs,
      counts: this.#counts,
    })
    const befalling = this.#minded(blows.run())
    const clients = this.#random.pick([4, 8, 16])
    const paying = Array.from({ length: clients }, (_, at) =>
      this.#minded(this.#pay(this.#random.fork(`client ${at}`), payments)),
    )
    const isDone = Promise.all([...paying, this.#minded(this.#read(payments))]).then(() => true)
    const isLate = this.#world.sleep(DONE_MS).then(() => false)
    demand(await Promise.race([isDone, isLate]), `${this.#numbers.size} payments, and no more`)
    blows.stop()
    await befalling
    await this.#mend()
    await this.#audit()
    return this.#counts
  }

  #minded(work: Promise<unknown>): Promise<void> {
    return work.then(
      () => undefined,
      (error: unknown) => this.#world.fail(error),
    )
  }

  async #settle(): Promise<void> {
    const town = this.#town
    const node = { profile: 'fast', machines: { ledger: this.#ledger } } as const
    const founder = town.add('p0', { node, machine: this.#crystal() })
    demand(await town.until(SETTLED_MS, () => founder.node !== undefined), 'the founder is up')
    const token = await (founder.node as HoldfastNode).invite({ uses: this.#size })
    for (let at = 1; at < this.#size; at++) {
      town.add(`p${at}`, { node, machine: this.#crystal(), join: () => token })
    }
    const areUp = await town.until(SETTLED_MS, () => town.nodes.length === this.#size)
    demand(areUp, `${town.nodes.length} of ${this.#size} are up`)
    await (founder.node as HoldfastNode).machine(this.#ledger).inspect()
    demand(await town.until(SETTLED_MS, () => this.#hasVoters()), 'the groups have voters')
  }

  #crystal(): { clock: { skewMs: number; driftPpm: number } } {
    const random = this.#random
    return { clock: { skewMs: random.below(400) - 200, driftPpm: random.below(100) - 50 } }
  }

  async #hasVoters(): Promise<boolean> {
    const groups = (await this.#town.nodes[0]?.groups()) ?? []
    const counts = groups.map(
      ({ members }) => members.filter(({ role }) => role !== 'learner').length,
    )
    return counts.length >= 3 && Math.min(...counts) >= this.#size
  }

  async #openAccounts(): Promise<void> {
    const machine = (this.#town.nodes[0] as HoldfastNode).machine(this.#ledger)
    for (let at = 0; at < ACCOUNTS; at++) {
      const account = `a${at}`
      await machine.submit({ type: 'open', account, deposit: DEPOSIT }, { key: `open ${at}` })
    }
  }

  async #pay(random: Random, payments: number): Promise<void> {
    while (this.#begun < payments) {
      const key = `k${++this.#begun}`
      const from = `a${random.below(ACCOUNTS)}`
      const to = `a${random.below(ACCOUNTS)}`
      const payment = { from, to, amount: 1 + random.below(AMOUNT_MAX) }
      await this.#untilAnswered(random, key, payment)
      if (random.chance(0.3)) {
        this.#counts.repeats++
        await this.#untilAnswered(random, key, payment)
      }
      await this.#world.sleep(random.exponential(PAUSE_MS))
    }
  }

  /** At one peer after the other, as a client does. */
  async #untilAnswered(
    random: Random,
    key: string,
    payment: { from: string; to: string; amount: number },
  ): Promise<void> {
    for (;;) {
      const house = random.pick([...this.#town.houses.values()])
      const answer = await this.#once(house, key, payment)
      if (answer !== 'again') return
      this.#counts.retries++
      await this.#world.sleep(random.exponential(100))
    }
  }

  async #once(
    house: House,
    key: string,
    payment: { from: string; to: string; amount: number },
  ): Promise<'done' | 'again'> {
    const { node } = house
    if (node === undefined) return 'again'
    const { ms, count } = await this.#within(house, stampAt(node), { ms: 0, count: 0 })
    const command = {
      type: 'pay',
      ...payment,
      reference: '',
      at: { ms, count, boundMs: null },
      server: house.name,
    } as const
    const submitted = node
      .machine(this.#ledger)
      .submit(command, { key, fingerprint: payment, deadlineMs: 3_000 })
      .then(
        ({ answer }) => this.#answered(key, answer.number, undefined),
        (error: unknown) => {
          const code = codeOf(error)
          if (code === undefined) throw error
          demand(code !== 'MACHINE_FAILED', String(error))
          return code === 'MACHINE_REFUSED'
            ? this.#answered(key, undefined, String(error))
            : ('again' as const)
        },
      )
    return this.#within(house, submitted, 'again')
  }

  /** A client waits no longer than that; a process that is gone never answers. */
  #within<Result>(house: House, work: Promise<Result>, otherwise: Result): Promise<Result> {
    const { node } = house
    const gone = this.#town.until(5_000, () => house.node !== node).then(() => otherwise)
    return Promise.race([work, gone])
  }

  #answered(key: string, number: number | undefined, refusal: string | undefined): 'done' {
    const isKnown = this.#numbers.has(key) || this.#refusals.has(key)
    const isSame = this.#numbers.get(key) === number && this.#refusals.get(key) === refusal
    demand(!isKnown || isSame, `${key} was answered ${number ?? refusal}, and otherwise before`)
    if (!isKnown) this.#counts[number === undefined ? 'refused' : 'payments']++
    if (number !== undefined) this.#numbers.set(key, number)
    if (refusal !== undefined) this.#refusals.set(key, refusal)
    return 'done'
  }

  /** Who reads sees everything that was answered before, and never overdrawn accounts. */
  async #read(payments: number): Promise<void> {
    const random = this.#random.fork('reader')
    while (this.#begun < payments) {
      await this.#world.sleep(random.exponential(300))
      const house = random.pick([...this.#town.houses.values()])
      if (house.node === undefined) continue
      const least = this.#numbers.size
      const machine = house.node.machine(this.#ledger)
      const asked = machine
        .query({ type: 'totals' }, { deadlineMs: 2_000 })
        .catch((error: unknown) => {
          if (codeOf(error) === undefined) throw error
          return undefined
        })
      const reply = await this.#within(house, asked, undefined)
      if (reply?.type !== 'totals') continue
      this.#counts.reads++
      const { payments: seen } = reply.totals
      demand(seen >= least, `${house.name} has read ${seen} payments of ${least} or more`)
    }
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    Object.assign(network.defaults, { loss: 0 })
    network.heal()
    for (const house of this.#town.houses.values()) {
      demand(house.failure === undefined, `${house.name} failed: ${String(house.failure)}`)
      house.machine.peer.resume()
      if (!house.machine.peer.isRunning) this.#town.start(house)
    }
    const areUp = await this.#town.until(SETTLED_MS, () => this.#town.nodes.length === this.#size)
    demand(areUp, 'everybody comes back')
  }

  async #audit(): Promise<void> {
    const histories: string[] = []
    const hashes = new Set<string>()
    for (const node of this.#town.nodes) {
      const history = await this.#historyAt(node)
      histories.push(JSON.stringify(history))
      if (histories.length === 1) this.#auditHistory(history)
      await this.#auditBalances(node, history)
    }
    demand(new Set(histories).size === 1, 'peers tell different histories')
    // Of those that have a replica each tells its own.
    for (const node of this.#town.nodes) {
      const current = await node.machine(this.#ledger).inspect()
      const own = await node.machine(this.#ledger).inspect({ consistency: 'stale' })
      if (own.index === current.index) hashes.add(own.hash)
    }
    demand(hashes.size === 1, `replicas have states ${[...hashes].join(' and ')}`)
  }

  async #historyAt(node: HoldfastNode): Promise<Payment[]> {
    const history: Payment[] = []
    for (;;) {
      const after = history.length
      const question = { type: 'payments', after, limit: PAGE } as const
      const reply = await node.machine(this.#ledger).query(question)
      if (reply.type !== 'payments' || reply.payments.length === 0) return history
      history.push(...reply.payments)
    }
  }

  #auditHistory(history: readonly Payment[]): void {
    const numbers = new Map(history.map(({ key, number }) => [key, number]))
    demand(numbers.size === history.length, 'a key was used twice')
    for (const [at, { number }] of history.entries()) demand(number === at + 1, `gap at ${number}`)
    for (const [key, number] of this.#numbers) {
      demand(numbers.get(key) === number, `${key} was payment ${number}, and is not`)
    }
    for (const key of this.#refusals.keys())
      demand(!numbers.has(key), `${key} was refused, and made`)
    demand(history.length === this.#numbers.size, 'payments were made that nobody was told of')
  }

  async #auditBalances(node: HoldfastNode, history: readonly Payment[]): Promise<void> {
    const expected = new Map<string, number>([['bank', -ACCOUNTS * DEPOSIT]])
    for (let at = 0; at < ACCOUNTS; at++) expected.set(`a${at}`, DEPOSIT)
    for (const { from, to, amount, number } of history) {
      expected.set(from, (expected.get(from) ?? 0) - amount)
      expected.set(to, (expected.get(to) ?? 0) + amount)
      demand((expected.get(from) ?? 0) >= 0, `payment ${number} is an overdraft`)
    }
    const reply = await node.machine(this.#ledger).query({ type: 'accounts', after: '' })
    demand(reply.type === 'accounts', 'accounts are told')
    let sum = 0
    for (const { account, balance } of reply.accounts) {
      sum += balance
      demand(expected.get(account) === balance, `${account} has ${balance}`)
    }
    demand(sum === 0, `all balances together are ${sum}`)
  }
}

const stampAt = (node: HoldfastNode): Promise<{ ms: number; count: number }> =>
  node.stamp().catch((error: unknown) => {
    if (codeOf(error) === undefined) throw error
    return { ms: 0, count: 0 }
  })
