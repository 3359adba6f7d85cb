import { type Failure, HoldfastError } from '../base/errors.ts'
import { findAccess, type LocalAccess, notRunning } from '../gateway/local-access.ts'

/** How long a running peer may take to answer. */
const ANSWER_MS = 10_000
/** And beyond the deadline of what it was asked. */
const GRACE_MS = 2_000

interface Asked {
  readonly body?: string
  readonly answerMs?: number
}

/** Speaks to the peer that runs on a data directory. */
export class PeerClient {
  readonly #access: LocalAccess
  readonly #directory: string
  readonly #signal: AbortSignal

  /** @throws {HoldfastError} `NOT_RUNNING`, `FILE_FORBIDDEN` */
  static async connect(directory: string, signal: AbortSignal): Promise<PeerClient> {
    return new PeerClient(await findAccess(directory), directory, signal)
  }

  private constructor(access: LocalAccess, directory: string, signal: AbortSignal) {
    this.#access = access
    this.#directory = directory
    this.#signal = signal
  }

  async get<Result>(path: string): Promise<Result> {
    return (await this.#ask('GET', path)) as Result
  }

  /** @param withinMs how long the peer may take over it, if not the usual time */
  async post<Result>(path: string, body: unknown, withinMs?: number): Promise<Result> {
    const answerMs = Math.max(ANSWER_MS, (withinMs ?? 0) + GRACE_MS)
    return (await this.#ask('POST', path, { body: JSON.stringify(body), answerMs })) as Result
  }

  async #ask(method: string, path: string, asked: Asked = {}): Promise<unknown> {
    const response = await this.#fetch(method, path, asked)
    // What is no JSON is no answer of a peer: another program has its port.
    const answer: unknown = await response.json().catch((error: unknown) => {
      this.#signal.throwIfAborted()
      throw notRunning(this.#directory, error)
    })
    if (response.ok) return answer
    throw failureIn(answer, response.status)
  }

  async #fetch(method: string, path: string, { body, answerMs }: Asked): Promise<Response> {
    const { url, token } = this.#access
    try {
      return await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs ?? ANSWER_MS)]),
        ...(body !== undefined && { body }),
      })
    } catch (error) {
      this.#signal.throwIfAborted()
      if ((error as Error).name === 'TimeoutError') throw silent(this.#directory)
      // It left its address behind when it died.
      throw notRunning(this.#directory, error)
    }
  }
}

const silent = (directory: string): HoldfastError =>
  new HoldfastError(
    `The peer on ${directory} has not answered for ${ANSWER_MS / 1000} s: it is stopped or too busy`,
    { code: 'TIMEOUT', what: 'answer of the peer', afterMs: ANSWER_MS },
  )

function failureIn(answer: unknown, status: number): Error {
  const { error } = answer as { error?: { message: string; details?: Failure } }
  if (error === undefined) return new Error(`the peer answered with status ${status}`)
  if (error.details === undefined) return new Error(error.message)
  return new HoldfastError(error.message, error.details)
}
