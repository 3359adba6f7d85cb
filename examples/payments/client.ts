/**
 * A client of the payment service. It goes on at another server when the one it talks to is slow, gone
 * or says that another should be asked; a payment keeps its key on the way, so it is made once.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Account, Payment } from './ledger.ts'

export interface PaymentsClientOptions {
  /** At least one; it learns of the others. */
  readonly servers: readonly string[]
  /** How long to try in all. @default 60,000 */
  readonly deadlineMs?: number
  /** How long one server may take to answer. @default 2,500 */
  readonly attemptMs?: number
}

export interface PaymentRequest {
  readonly from: string
  readonly to: string
  readonly amount: number
  readonly reference?: string
}

export interface PaymentDone {
  readonly key: string
  readonly number: number
  /** It had been made before. */
  readonly isRepeat: boolean
}

/** The service has said no, for this reason: trying again would not help. */
export class PaymentRefused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string) {
    super(`the service refused: ${code}`)
    this.status = status
    this.code = code
  }
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
  readonly headers?: Record<string, string>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

const PAUSE_MS = 20
const PAUSE_MS_MAX = 500
const PAGE = 1_000

export class PaymentsClient {
  readonly #options: PaymentsClientOptions
  readonly #servers: string[]
  #at: number
  /** How often it went on at another server, or was sent there. */
  readonly counts: { retries: number; redirects: number } = { retries: 0, redirects: 0 }

  constructor(options: PaymentsClientOptions) {
    this.#options = options
    this.#servers = [...options.servers]
    this.#at = Math.floor(Math.random() * this.#servers.length)
  }

  /** Learns of all servers from one of them. */
  async learn(): Promise<readonly string[]> {
    const { servers } = await this.#json<{ servers: string[] }>({ method: 'GET', path: '/servers' })
    for (const each of servers) this.add(each)
    return this.#servers
  }

  /** There is a server here as well. */
  add(url: string): void {
    if (!this.#servers.includes(url)) this.#servers.push(url)
  }

  async open(account: string, deposit: number): Promise<void> {
    const body = JSON.stringify({ account, deposit })
    await this.#json({ method: 'POST', path: '/accounts', body })
  }

  /** Makes a payment, once, under the key if one is given. @throws {PaymentRefused} */
  async pay(payment: PaymentRequest, key: string = randomUUID()): Promise<PaymentDone> {
    const body = JSON.stringify(payment)
    const headers = { 'idempotency-key': key }
    const answer = await this.#ask({ method: 'POST', path: '/payments', body, headers })
    const { number } = answer.body as { number: number }
    return { key, number, isRepeat: answer.headers.has('idempotent-replayed') }
  }

  account(account: string): Promise<Account> {
    return this.#json({ method: 'GET', path: `/accounts/${encodeURIComponent(account)}` })
  }

  async accounts(): Promise<Account[]> {
    const all: Account[] = []
    for (;;) {
      const after = encodeURIComponent(all.at(-1)?.account ?? '')
      const path = `/accounts?after=${after}`
      const { accounts } = await this.#json<{ accounts: Account[] }>({ method: 'GET', path })
      if (accounts.length === 0) return all
      all.push(...accounts)
    }
  }

  /** The history, in the order in which payments took effect. */
  async *payments(after: number = 0): AsyncGenerator<Payment> {
    for (let through = after; ;) {
      const path = `/payments?after=${through}&limit=${PAGE}`
      const page = await this.#json<{ payments: Payment[]; through: number }>({
        method: 'GET',
        path,
      })
      yield* page.payments
      if (page.payments.length === 0) return
      ;({ through } = page)
    }
  }

  async #json<Body>(request: Request): Promise<Body> {
    return (await this.#ask(request)).body as Body
  }

  /** Again and again, elsewhere each time, until somebody answers for good. */
  async #ask(request: Request): Promise<Answer> {
    const { deadlineMs = 60_000 } = this.#options
    const endMs = performance.now() + deadlineMs
    let sentTo: string | undefined
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      const server = sentTo ?? this.#servers[this.#at % this.#servers.length] ?? ''
      const answer = await this.#once(server, request)
      if (answer !== undefined && answer.status < 300) return answer
      if (answer !== undefined && answer.status >= 400 && answer.status < 500) {
        throw new PaymentRefused(answer.status, (answer.body as { code: string }).code)
      }
      sentTo = this.#sentTo(answer)
      // Where it was sent somewhere, the others of its requests still go where they went.
      if (sentTo === undefined) this.#leave(server)
      if (performance.now() >= endMs) throw new Error(`no server has answered ${request.path}`)
      await sleep(pauseMs * (0.5 + Math.random()))
    }
  }

  #sentTo(answer: Answer | undefined): string | undefined {
    const target = answer?.status === 307 ? answer.headers.get('location') : null
    if (target === null) return undefined
    this.counts.redirects++
    const { origin } = new URL(target)
    this.add(origin)
    return origin
  }

  #leave(server: string): void {
    this.counts.retries++
    // Another one of its requests may have gone on already.
    if (this.#servers[this.#at % this.#servers.length] === server) this.#at++
  }

  async #once(server: string, request: Request): Promise<Answer | undefined> {
    const { attemptMs = 2_500 } = this.#options
    const { method, path, body, headers = {} } = request
    try {
      const response = await fetch(`${server}${path}`, {
        method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(attemptMs),
        ...(body !== undefined && { body }),
      })
      return { status: response.status, headers: response.headers, body: await response.json() }
    } catch {
      // It is gone, or slow; what became of the request nobody knows.
      return undefined
    }
  }
}
