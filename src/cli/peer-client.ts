import { Agent, type IncomingMessage, request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { pipeline } from 'node:stream/promises'

import { type Failure, HoldfastError } from '../base/errors.ts'
import { findAccess, type LocalAccess, notRunning } from '../gateway/local-access.ts'
import { PinnedAgent } from './pinned-agent.ts'

/** How long a running peer may take to answer. */
const ANSWER_MS = 10_000
/** And beyond the deadline of what it was asked. */
const GRACE_MS = 2_000
/** How long neither side of a transfer may move anything: a write may wait for its majority. */
const IDLE_MS = 60_000
const CONNECTIONS_MAX = 32

export type Method = 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'

export interface Exchange {
  readonly method: Method
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is consumed; needs a content-length among the headers unless it may be chunked. */
  readonly body?: AsyncIterable<Uint8Array> | undefined
  readonly signal?: AbortSignal | undefined
  /** Silence is no sign that it is over. */
  readonly isEndless?: boolean
}

/** Speaks to the peer that runs on a data directory. Paths go out as they are given. */
export class PeerClient {
  readonly #access: LocalAccess
  readonly #directory: string
  readonly #signal: AbortSignal
  readonly #agent: Agent

  /** @throws {HoldfastError} `NOT_RUNNING`, `FILE_FORBIDDEN` */
  static async connect(directory: string, signal: AbortSignal): Promise<PeerClient> {
    return new PeerClient(await findAccess(directory), directory, signal)
  }

  private constructor(access: LocalAccess, directory: string, signal: AbortSignal) {
    this.#access = access
    this.#directory = directory
    this.#signal = signal
    const { fingerprint } = access
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX }
    this.#agent =
      fingerprint === undefined ? new Agent(options) : new PinnedAgent(fingerprint, options)
  }

  async get<Result>(path: string): Promise<Result> {
    return this.ask<Result>('GET', path)
  }

  /** @param withinMs how long the peer may take over it, if not the usual time */
  async post<Result>(path: string, body: unknown, withinMs?: number): Promise<Result> {
    return this.ask<Result>('POST', path, body, withinMs)
  }

  /**
   * Asks in JSON and is answered in JSON.
   * @throws {HoldfastError} what the peer failed with; `NOT_RUNNING`, `TIMEOUT`
   */
  async ask<Result>(
    method: Method,
    path: string,
    body?: unknown,
    withinMs?: number,
  ): Promise<Result> {
    const answerMs = Math.max(ANSWER_MS, (withinMs ?? 0) + GRACE_MS)
    const deadline = AbortSignal.timeout(answerMs)
    const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    try {
      const response = await this.#send({
        method,
        path,
        headers: {
          'content-type': 'application/json',
          'content-length': String(text?.length ?? 0),
        },
        body: text === undefined ? undefined : once(text),
        signal: deadline,
      })
      return (await this.#read(response)) as Result
    } catch (error) {
      if (deadline.aborted) throw silent(this.#directory, answerMs, error)
      throw error
    }
  }

  /**
   * Sends and is answered in bytes; resolves when the answer begins.
   * @throws {HoldfastError} what the peer failed with; `NOT_RUNNING`, `TIMEOUT`
   */
  async open(exchange: Exchange): Promise<IncomingMessage> {
    const response = await this.#send(exchange)
    if ((response.statusCode ?? 500) < 300) return response
    await this.#read(response)
    throw new Error('an error was no error')
  }

  /** Sends bytes and is answered in JSON. */
  async send<Result>(exchange: Exchange): Promise<Result> {
    return (await this.#read(await this.#send(exchange))) as Result
  }

  async #send(exchange: Exchange): Promise<IncomingMessage> {
    const { method, path, headers = {}, body, signal, isEndless = false } = exchange
    const { url, token } = this.#access
    const { hostname, port, protocol } = new URL(url)
    const signals = signal === undefined ? [this.#signal] : [this.#signal, signal]
    const both = AbortSignal.any(signals)
    const open = protocol === 'https:' ? requestSecurely : request
    const sent = open({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      agent: this.#agent,
      method,
      path,
      headers: { ...toWire(headers), authorization: `Bearer ${token}` },
      signal: both,
    })
    if (!isEndless)
      sent.setTimeout(IDLE_MS, () => void sent.destroy(silent(this.#directory, IDLE_MS)))
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).on('error', reject)
    })
    // A peer that refuses answers while we still send; then the answer is what counts.
    if (body === undefined) sent.end()
    else pipeline(body, sent).catch((error: unknown) => void sent.destroy(error as Error))
    try {
      return await answered
    } catch (error) {
      both.throwIfAborted()
      throw this.#explain(error)
    }
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    } catch (error) {
      this.#signal.throwIfAborted()
      throw this.#explain(error)
    }
    const answer = this.#parse(Buffer.concat(chunks).toString('utf8'))
    const { statusCode = 500 } = response
    if (statusCode < 300) return answer
    throw failureIn(answer, statusCode)
  }

  /** What is no JSON is no answer of a peer: another program has its port. */
  #parse(text: string): unknown {
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      throw notRunning(this.#directory, error)
    }
  }

  /** What a connection that failed means. */
  #explain(error: unknown): unknown {
    const { code } = error as NodeJS.ErrnoException
    // It left its address behind when it died.
    if (code === 'ECONNREFUSED') return notRunning(this.#directory, error)
    return code === 'ECONNRESET' || code === 'EPIPE' ? brokenOff(this.#directory, error) : error
  }
}

/** Node writes headers as Latin-1; people mean UTF-8. */
const toWire = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [
      name,
      Buffer.from(text, 'utf8').toString('latin1'),
    ]),
  )

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const silent = (directory: string, afterMs: number, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `The peer on ${directory} has not answered for ${afterMs / 1000} s: it is stopped or too busy`,
    { code: 'TIMEOUT', what: 'answer of the peer', afterMs },
    { cause },
  )

const brokenOff = (directory: string, cause: unknown): HoldfastError =>
  new HoldfastError(
    `The peer on ${directory} has broken off the connection`,
    { code: 'PEER_UNREACHABLE', peer: directory },
    { cause },
  )

function failureIn(answer: unknown, status: number): Error {
  const { error } = answer as { error?: { message: string; details?: Failure } }
  if (error === undefined) return new Error(`the peer answered with status ${status}`)
  if (error.details === undefined) return new Error(error.message)
  return new HoldfastError(error.message, error.details)
}
