/**
 * A server of the payment service: a peer of a Holdfast network that replicates the ledger, and an
 * HTTP API in front of it. All servers are alike; a client may talk to any of them.
 *
 *     POST /accounts                  {account, deposit}
 *     GET  /accounts                  GET /accounts/<account>
 *     POST /payments                  {from, to, amount, reference}, with an Idempotency-Key
 *     GET  /payments                  ?after=<number>&limit=&account=   the history, in its order
 *     POST /accounts/<a>/statements   exports a statement: a file in Holdfast
 *     GET  /accounts/<a>/statements   GET /accounts/<a>/statements/<index>
 *     GET  /servers                   GET /totals   GET /healthz
 *     GET  /events                    ?after=   what happens at this server, as lines of JSON
 *     POST /corrections               {readings}   when that was, as is known by now
 *     GET  /live                      payments as they take effect: server-sent events
 *
 * A server that cannot serve at the moment sends its client to another one: 307.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

import {
  type ClockReading,
  createNode,
  HoldfastError,
  type HoldfastNode,
  type MachineHandle,
} from 'holdfast'

import { EventLog } from './event-log.ts'
import { bodyOf, type Call, callOf, numberIn, Refused, send } from './http.ts'
import {
  type Account,
  AMOUNT_MAX,
  type Answer,
  BANK,
  type Command,
  ledger,
  type Payment,
  type Question,
  type Reply,
} from './ledger.ts'
import { sendPage } from './page.ts'

const {
  NAME = 'server',
  DATA = './payments-data',
  JOIN,
  HOST = '127.0.0.1',
  PORT = '0',
} = process.env
const BUCKET = 'statements'
const SERVERS = 'payments/servers/'
/** Sooner than a client gives up. */
const DEADLINE_MS = 2_000
const SERVERS_EVERY_MS = 2_000
const READINGS_MAX = 50_000
const PAGE_DEFAULT = 100
const START_TRIES_MAX = 100
const TRY_AGAIN_MS = 200

class PaymentServer {
  readonly #node: HoldfastNode
  readonly #ledger: MachineHandle<Command, Answer, Question, Reply, Payment>
  readonly #events: EventLog
  readonly #http = createServer((request, response) => void this.#serve(callOf(request, response)))
  #url = ''
  #others: readonly string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(node: HoldfastNode) {
    this.#node = node
    this.#ledger = node.machine(ledger)
    this.#events = new EventLog(node, NAME)
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#http.listen(Number(PORT), HOST, resolve))
    const { port } = this.#http.address() as AddressInfo
    this.#url = `http://${HOST}:${port}`
    await this.#prepare()
    await this.#learnServers()
    this.#timer = setInterval(() => void this.#learnServers(), SERVERS_EVERY_MS)
    return this.#url
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#events.close()
    this.#http.close()
    this.#http.closeAllConnections()
    await this.#node.stop()
  }

  /** A young network may not be ready for this yet. */
  async #prepare(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#ledger.inspect()
        // Payments are stamped.
        await this.#node.stamp()
        await this.#node.kv.put(`${SERVERS}${NAME}`, new TextEncoder().encode(this.#url))
        await this.#node.createBucket(BUCKET)
        return
      } catch (error) {
        if (codeOf(error) === 'BUCKET_EXISTS') return
        if (tries >= START_TRIES_MAX || codeOf(error) === undefined) throw error
        await new Promise(resolve => setTimeout(resolve, TRY_AGAIN_MS))
      }
    }
  }

  /** Keeps what it knows while nobody can be asked. */
  async #learnServers(): Promise<void> {
    try {
      const { entries } = await this.#node.kv.list(SERVERS, { deadlineMs: SERVERS_EVERY_MS })
      const urls = entries.map(({ value }) => new TextDecoder().decode(value))
      this.#others = urls.filter(url => url !== this.#url)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    }
  }

  async #serve(call: Call): Promise<void> {
    const { request, response } = call
    try {
      await this.#answer(call)
    } catch (error) {
      if (response.headersSent || response.destroyed) response.destroy()
      else if (error instanceof Refused) {
        send(response, error.status, { code: error.code, message: error.message })
      } else this.#refuse(response, error, request.url ?? '/')
    }
  }

  #answer(call: Call): Promise<void> | void {
    const { request, response, parts } = call
    const [first, second, third, fourth] = parts
    const what = `${request.method} /${first}${second ? '/x' : ''}${third ? `/${third}` : ''}${fourth ? '/x' : ''}`
    switch (what) {
      case 'POST /payments':
        return this.#pay(call)
      case 'GET /payments':
        return this.#history(call)
      case 'POST /accounts':
        return this.#open(call)
      case 'GET /accounts':
        return this.#accounts(call)
      case 'GET /accounts/x':
        return this.#account(response, second ?? '')
      case 'POST /accounts/x/statements':
        return this.#export(call, second ?? '')
      case 'GET /accounts/x/statements':
        return this.#statements(response, second ?? '')
      case 'GET /accounts/x/statements/x':
        return this.#statement(call, second ?? '', Number(fourth))
      case 'GET /servers':
        return send(response, 200, { servers: [this.#url, ...this.#others] })
      case 'GET /totals':
        return this.#ask({ type: 'totals' }).then(reply => send(response, 200, reply))
      case 'GET /healthz':
        return this.#health(response)
      case 'GET /events':
        return this.#events.follow(response, numberIn(call.query, 'after', 0))
      case 'POST /corrections':
        return this.#correct(call)
      case 'GET /live':
        return this.#live(call)
      default:
        return sendPage(call)
    }
  }

  async #pay({ request, response }: Call): Promise<void> {
    const key = request.headers['idempotency-key']
    if (typeof key !== 'string' || key.length === 0 || key.length > 200) {
      throw new Refused(400, 'KEY_NEEDED', 'a payment has an Idempotency-Key')
    }
    const body = await bodyOf(request)
    const asked = {
      from: nameIn(body, 'from'),
      to: nameIn(body, 'to'),
      amount: amountIn(body, 'amount'),
      reference: textIn(body, 'reference'),
    }
    const { ms, count, boundMs } = await this.#events.add(key)
    const receipt = await this.#ledger.submit(
      { type: 'pay', ...asked, at: { ms, count, boundMs }, server: NAME },
      // Not when and where it was taken on: a copy is taken on elsewhere.
      { key, fingerprint: asked, deadlineMs: DEADLINE_MS },
    )
    const { number } = receipt.answer
    send(
      response,
      201,
      { number, index: receipt.index, ...asked },
      receipt.isRepeat ? { 'idempotent-replayed': 'true' } : {},
    )
  }

  async #health(response: ServerResponse): Promise<void> {
    const { group, ...facts } = await this.#ledger.inspect({ deadlineMs: DEADLINE_MS })
    const view = (await this.#node.groups()).find(each => each.group === group)
    const voters = view?.members.filter(({ role }) => role !== 'learner').length ?? 0
    send(response, 200, { voters, ...facts })
  }

  async #open({ request, response }: Call): Promise<void> {
    const body = await bodyOf(request)
    const account = nameIn(body, 'account')
    if (account === BANK) throw new Refused(422, 'NOT_ALLOWED')
    const command = { type: 'open', account, deposit: amountIn(body, 'deposit') } as const
    await this.#ledger.submit(command, { key: `open/${account}`, deadlineMs: DEADLINE_MS })
    send(response, 201, { account, balance: command.deposit })
  }

  async #history({ response, query }: Call): Promise<void> {
    const question = {
      type: 'payments',
      after: numberIn(query, 'after', 0),
      limit: numberIn(query, 'limit', PAGE_DEFAULT),
      account: query.get('account') ?? undefined,
    } as const
    const consistency = query.get('consistency') === 'stale' ? 'stale' : 'linearizable'
    const reply = await this.#ledger.query(question, { consistency, deadlineMs: DEADLINE_MS })
    send(response, 200, reply)
  }

  async #accounts({ response, query }: Call): Promise<void> {
    send(response, 200, await this.#ask({ type: 'accounts', after: query.get('after') ?? '' }))
  }

  async #account(response: ServerResponse, account: string): Promise<void> {
    send(response, 200, await this.#accountOf(account))
  }

  async #accountOf(name: string): Promise<Account> {
    const reply = await this.#ask({ type: 'account', account: name })
    if (reply.type === 'account' && reply.account !== undefined) return reply.account
    throw new Refused(404, 'NO_SUCH_ACCOUNT')
  }

  /** The file is durable before the ledger says that there is a statement, or there is neither. */
  async #export({ request, response, signal }: Call, account: string): Promise<void> {
    await this.#accountOf(account)
    const totals = await this.#ask({ type: 'totals' })
    const through = totals.type === 'totals' ? totals.totals.payments : 0
    const source = this.#csv(account, through)
    const key = request.headers['idempotency-key']
    const receipt = await this.#ledger.submit(
      { type: 'statement', account, through },
      {
        files: { 'statement.csv': { bucket: BUCKET, source, contentType: 'text/csv' } },
        signal,
        ...(typeof key === 'string' && { key: `statement/${key}`, fingerprint: account }),
      },
    )
    const index = receipt.answer.number
    const location = `/accounts/${encodeURIComponent(account)}/statements/${index}`
    send(response, 201, { index, through }, { location })
  }

  async *#csv(account: string, through: number): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder()
    yield encoder.encode('number,time,from,to,amount,reference\r\n')
    for (let after = 0; after < through;) {
      const reply = await this.#ask({ type: 'payments', after, limit: 1_000, account })
      if (reply.type !== 'payments' || reply.through === after) return
      const lines = reply.payments
        .filter(({ number }) => number <= through)
        .map(({ number, at, from, to, amount, reference }) =>
          [number, new Date(at.ms).toISOString(), from, to, amount, quoted(reference)].join(','),
        )
      yield encoder.encode(lines.map(line => `${line}\r\n`).join(''))
      after = reply.through
    }
  }

  async #statements(response: ServerResponse, account: string): Promise<void> {
    send(response, 200, await this.#ask({ type: 'statements', account }))
  }

  async #statement({ response, signal }: Call, account: string, index: number): Promise<void> {
    const reply = await this.#ask({ type: 'statements', account })
    const found =
      reply.type === 'statements' ? reply.statements.find(each => each.index === index) : undefined
    if (found === undefined) throw new Refused(404, 'NO_SUCH_STATEMENT')
    const { body, sizeBytes } = await this.#node.get(found.file, { signal })
    response.writeHead(200, { 'content-type': 'text/csv', 'content-length': sizeBytes })
    await pipeline(body, response, { signal })
  }

  async #correct({ request, response }: Call): Promise<void> {
    const { readings } = await bodyOf(request)
    if (!Array.isArray(readings) || readings.length > READINGS_MAX)
      throw new Refused(400, 'MALFORMED')
    const corrected = (readings as ClockReading[]).map(each => this.#node.correct(each) ?? null)
    send(response, 200, { corrected })
  }

  /** Until the client goes. */
  async #live({ response, signal }: Call): Promise<void> {
    // Nothing is missed that takes effect once the client has an answer.
    const { index: after } = await this.#ledger.inspect({ deadlineMs: DEADLINE_MS })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
    for await (const { index, event } of this.#ledger.watch({ after, signal })) {
      if (response.writableNeedDrain) continue
      response.write(`id: ${index}\ndata: ${JSON.stringify(event)}\n\n`)
    }
  }

  #ask(question: Question): Promise<Reply> {
    return this.#ledger.query(question, { deadlineMs: DEADLINE_MS })
  }

  /** What this server cannot do now another one may. */
  #refuse(response: ServerResponse, error: unknown, path: string): void {
    if (!(error instanceof HoldfastError)) {
      console.error(error)
      return send(response, 500, { code: 'INTERNAL' })
    }
    const { details } = error
    if (details.code === 'MACHINE_REFUSED') {
      const status = details.reason === 'ACCOUNT_EXISTS' ? 409 : 422
      return send(response, status, { code: details.reason })
    }
    if (details.code === 'MACHINE_KEY_REUSED') return send(response, 422, { code: details.code })
    const other = this.#others[Math.floor(Math.random() * this.#others.length)]
    const body = { code: details.code, message: error.message }
    if (other === undefined) return send(response, 503, body, { 'retry-after': '1' })
    send(response, 307, body, { location: `${other}${path}` })
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof HoldfastError ? error.code : undefined

function nameIn(body: Record<string, unknown>, field: string): string {
  const value = body[field]
  if (typeof value === 'string' && /^[a-z0-9-]{1,64}$/.test(value)) return value
  throw new Refused(400, 'MALFORMED', `${field} is the name of an account`)
}

function amountIn(body: Record<string, unknown>, field: string): number {
  const value = body[field]
  if (Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= AMOUNT_MAX) {
    return Number(value)
  }
  throw new Refused(400, 'MALFORMED', `${field} is a number of cents, 1 to ${AMOUNT_MAX}`)
}

function textIn(body: Record<string, unknown>, field: string): string {
  const value = body[field] ?? ''
  if (typeof value === 'string' && value.length <= 140) return value
  throw new Refused(400, 'MALFORMED', `${field} is a text of up to 140 characters`)
}

/** A text that begins like a formula stays one in no spreadsheet. */
const quoted = (text: string): string =>
  `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

const node = createNode({
  dataDirectory: DATA,
  name: NAME,
  join: JOIN,
  listen: [`/ip4/${HOST}/tcp/0`],
  profile: 'fast',
  machines: { ledger },
})
await node.start()
const server = new PaymentServer(node)
const url = await server.listen()
const invite = node.status().isAuthority ? await node.invite({ uses: 10 }) : undefined
console.log(JSON.stringify({ url, invite }))

node.onEvent(event => {
  if (event.type === 'machine diverged' || event.type === 'machine stopped') {
    console.error(JSON.stringify(event))
  }
  if (event.type === 'failed') process.exit(1)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close())
