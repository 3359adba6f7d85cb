/**
 * The load: many clients pay each other at once, some send the same payment again, as clients do that
 * were not sure. At the end it is the auditor: asks every server for the whole history, and compares
 * that with what the clients were told.
 *
 *     SERVERS=… PAYMENTS=10000 CLIENTS=64 REPEATS=0.3 node load.ts
 *
 * Is told on its input where servers are, and when to audit; says on its output what it sees: lines
 * of JSON, both.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'

import { PaymentRefused, PaymentsClient } from './client.ts'
import { EventOrder, type OrderReport } from './event-order.ts'
import { BANK, type Payment } from './ledger.ts'

const {
  SERVERS = '',
  PAYMENTS = '10000',
  CLIENTS = '48',
  REPEATS = '0.3',
  ACCOUNTS = '200',
  SECONDS = 'Infinity',
} = process.env
const DEPOSIT = 100_000
const PROGRESS_EVERY_MS = 1_000
const AUDIT_MS = 120_000

/** What one second looked like. */
export interface Progress {
  readonly type: 'progress'
  readonly done: number
  readonly perSecond: number
  readonly p99Ms: number
  readonly retries: number
  readonly redirects: number
}

/** All payments are made; the audit begins when it is asked for. */
export interface Done {
  readonly type: 'done'
}

/** What came of it all. */
export interface LoadReport {
  readonly type: 'report'
  readonly payments: number
  readonly repeats: number
  readonly refused: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  readonly retries: number
  readonly redirects: number
  /** What is not as it must be: nothing, if all is well. */
  readonly problems: readonly string[]
  readonly order: OrderReport
}

interface ServerAt {
  readonly name: string
  readonly url: string
}

const say = (line: Progress | Done | LoadReport): void => console.log(JSON.stringify(line))

class Load {
  readonly #servers = new Map<string, string>()
  readonly #order = new EventOrder()
  readonly #clients: PaymentsClient[] = []
  /** The number that each payment got, by its key. */
  readonly #made = new Map<string, number>()
  readonly #problems: string[] = []
  readonly #isToAudit = Promise.withResolvers<void>()
  readonly #tookMs: number[] = []
  #recentMs: number[] = []
  #begun = 0
  #endMs = 0
  #repeats = 0
  #refused = 0

  place({ name, url }: ServerAt): void {
    this.#servers.set(name, url)
    this.#order.follow(name, url)
    for (const client of this.#clients) client.add(url)
  }

  /** Every server is there again. */
  audit(): void {
    this.#isToAudit.resolve()
  }

  async run(): Promise<void> {
    const servers = [...this.#servers.values()]
    for (let at = 0; at < Number(CLIENTS); at++) this.#clients.push(new PaymentsClient({ servers }))
    await this.#openAccounts()
    const startMs = performance.now()
    this.#endMs = startMs + Number(SECONDS) * 1000
    const timer = setInterval(() => this.#progress(), PROGRESS_EVERY_MS)
    await Promise.all(this.#clients.map(client => this.#pay(client)))
    clearInterval(timer)
    const seconds = (performance.now() - startMs) / 1000
    say({ type: 'done' })
    await this.#isToAudit.promise
    await this.#audit()
    this.#report(seconds, await this.#order.end())
  }

  async #openAccounts(): Promise<void> {
    const names = Array.from({ length: Number(ACCOUNTS) }, (_, at) => nameAt(at))
    await Promise.all(
      this.#clients.map(async (client, at) => {
        const own = names.filter((_, n) => n % this.#clients.length === at)
        for (const name of own) await client.open(name, DEPOSIT)
      }),
    )
  }

  async #pay(client: PaymentsClient): Promise<void> {
    while (this.#begun < Number(PAYMENTS) && performance.now() < this.#endMs) {
      this.#begun++
      const key = randomUUID()
      const payment = { from: randomAccount(), to: randomAccount(), amount: 1 + below(500) }
      if (!(await this.#once(client, payment, key))) continue
      while (Math.random() < Number(REPEATS)) {
        this.#repeats++
        // As a client that heard nothing would, at any server.
        const other = this.#clients[below(this.#clients.length)] as PaymentsClient
        await this.#once(other, payment, key)
      }
    }
  }

  /** False if the service has said no. */
  async #once(
    client: PaymentsClient,
    payment: { from: string; to: string; amount: number },
    key: string,
  ): Promise<boolean> {
    const startMs = performance.now()
    try {
      const { number } = await client.pay(payment, key)
      const before = this.#made.get(key)
      if (before !== undefined && before !== number) {
        this.#problems.push(`${key} is payment ${before}, and ${number}`)
      }
      this.#made.set(key, number)
      this.#took(performance.now() - startMs)
      return true
    } catch (error) {
      if (!(error instanceof PaymentRefused)) this.#problems.push(String(error))
      else if (this.#made.has(key)) this.#problems.push(`${key} was made, and then refused`)
      this.#refused++
      return false
    }
  }

  #took(ms: number): void {
    this.#tookMs.push(ms)
    this.#recentMs.push(ms)
  }

  #progress(): void {
    const recent = this.#recentMs.toSorted((a, b) => a - b)
    this.#recentMs = []
    const { retries, redirects } = this.#counts()
    say({
      type: 'progress',
      done: this.#made.size,
      perSecond: Math.round(recent.length / (PROGRESS_EVERY_MS / 1000)),
      p99Ms: Math.round(at(recent, 0.99)),
      retries,
      redirects,
    })
  }

  #counts(): { retries: number; redirects: number } {
    const sum = { retries: 0, redirects: 0 }
    for (const { counts } of this.#clients) {
      sum.retries += counts.retries
      sum.redirects += counts.redirects
    }
    return sum
  }

  /** Whatever happened, every server must tell the same, and that is what clients were told. */
  async #audit(): Promise<void> {
    const histories: string[] = []
    for (const [name, url] of this.#servers) {
      const client = new PaymentsClient({ servers: [url], deadlineMs: AUDIT_MS, attemptMs: 20_000 })
      const hash = createHash('sha256')
      const history: Payment[] = []
      for await (const payment of client.payments()) {
        history.push(payment)
        hash.update(JSON.stringify(payment))
      }
      histories.push(hash.digest('hex'))
      if (histories.length === 1) this.#auditHistory(history)
      await this.#auditBalances(name, client, history)
    }
    if (new Set(histories).size > 1) this.#problems.push('servers tell different histories')
  }

  #auditHistory(history: readonly Payment[]): void {
    const numbers = new Map<string, number>()
    for (const [n, { number, key }] of history.entries()) {
      if (number !== n + 1) this.#problems.push(`payment ${number} is at place ${n + 1}`)
      if (numbers.has(key)) this.#problems.push(`${key} was made twice`)
      numbers.set(key, number)
    }
    for (const [key, number] of this.#made) {
      if (numbers.get(key) !== number) this.#problems.push(`${key} is missing, or elsewhere`)
    }
  }

  async #auditBalances(
    name: string,
    client: PaymentsClient,
    history: readonly Payment[],
  ): Promise<void> {
    const expected = new Map<string, number>()
    for (let n = 0; n < Number(ACCOUNTS); n++) expected.set(nameAt(n), DEPOSIT)
    expected.set(BANK, -DEPOSIT * Number(ACCOUNTS))
    for (const { number, from, to, amount } of history) {
      expected.set(from, (expected.get(from) ?? 0) - amount)
      expected.set(to, (expected.get(to) ?? 0) + amount)
      if ((expected.get(from) ?? 0) < 0) this.#problems.push(`payment ${number} is an overdraft`)
    }
    let sum = 0
    for (const { account, balance } of await client.accounts()) {
      sum += balance
      if (expected.get(account) !== balance) {
        this.#problems.push(`${account} has ${balance} at ${name}, not ${expected.get(account)}`)
      }
    }
    if (sum !== 0) this.#problems.push(`all balances together are ${sum} at ${name}`)
  }

  #report(seconds: number, order: OrderReport): void {
    const sorted = this.#tookMs.toSorted((a, b) => a - b)
    say({
      type: 'report',
      payments: this.#made.size,
      repeats: this.#repeats,
      refused: this.#refused,
      seconds,
      perSecond: Math.round(sorted.length / seconds),
      p50Ms: at(sorted, 0.5),
      p99Ms: at(sorted, 0.99),
      mostMs: sorted.at(-1) ?? 0,
      ...this.#counts(),
      problems: this.#problems,
      order,
    })
  }
}

const below = (limit: number): number => Math.floor(Math.random() * limit)
const nameAt = (n: number): string => `account-${String(n).padStart(4, '0')}`
const randomAccount = (): string => nameAt(below(Number(ACCOUNTS)))
const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

const load = new Load()
for (const server of JSON.parse(SERVERS) as ServerAt[]) load.place(server)
createInterface({ input: process.stdin }).on('line', line => {
  const said = JSON.parse(line) as ServerAt | { readonly type: 'audit' }
  if ('type' in said) load.audit()
  else load.place(said)
})
await load.run()
process.exit(0)
