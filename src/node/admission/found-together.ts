/**
 * Runs the founding circle (founding-circle.ts) over a network of its own, which ends with it: whoever
 * takes part then goes on as a founder, or with an invite.
 */
import type { Environment, PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Log } from '../log.ts'
import {
  CIRCLE_BYTES_MAX,
  CIRCLE_PROTOCOL,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  listName,
} from './circle-messages.ts'
import {
  type CircleAnswer,
  type CircleEffect,
  type CircleEvent,
  type CircleQuestion,
  FoundingCircle,
} from './founding-circle.ts'

const TICK_MS = 250
const ANSWER_MS = 5_000
/** An answer is on its way for so long, before the network it travels on is closed. */
const LINGER_MS = 500

export interface TogetherOptions {
  readonly environment: Pick<Environment, 'network' | 'timers' | 'clock'>
  /** All of them, this one too. */
  readonly peers: readonly PeerId[]
  /** The invite of an earlier run, which founded and was cut short. */
  readonly founded: string | undefined
  /** Makes the network; returns the invite for the others, durable like the network. */
  readonly found: () => Promise<string>
  /** Makes an invite durable. */
  readonly keep: (invite: string) => Promise<void>
  readonly log: Log
  readonly signal: AbortSignal
}

/** The invite to join with; undefined for who has founded. */
export async function foundTogether(options: TogetherOptions): Promise<string | undefined> {
  const { timers } = options.environment
  const run = new CircleRun(options)
  options.log.info('founding together', { peers: options.peers.length })
  while (!run.isOver) {
    options.signal.throwIfAborted()
    run.step({ type: 'tick' })
    await sleep(timers, TICK_MS, options.signal)
  }
  await sleep(timers, LINGER_MS, options.signal)
  return run.outcome()
}

class CircleRun {
  readonly #options: TogetherOptions
  readonly #circle: FoundingCircle
  readonly #asking = new Set<PeerId>()
  readonly #named = new Set<PeerId>()
  #taken: string | undefined
  #failure: Error | undefined
  isOver = false

  constructor(options: TogetherOptions) {
    this.#options = options
    const { peers, environment, founded } = options
    const { network } = environment
    this.#circle = new FoundingCircle({ self: network.self, peers, list: listName(peers) })
    if (founded !== undefined) this.step({ type: 'founded', invite: founded })
    const limits = { bodyBytesMax: CIRCLE_BYTES_MAX }
    network.onRequest(CIRCLE_PROTOCOL, (from, body) => this.#serve(from, body), limits)
  }

  /** @throws what kept this peer from founding */
  outcome(): string | undefined {
    if (this.#failure !== undefined) throw this.#failure
    return this.#taken
  }

  step(event: CircleEvent): void {
    const nowMs = this.#options.environment.clock.monotonicMs()
    for (const effect of this.#circle.step(event, nowMs)) this.#carryOut(effect)
  }

  #carryOut(effect: CircleEffect): void {
    switch (effect.type) {
      case 'ask':
        void this.#ask(effect.to, effect.question)
        return
      case 'found':
        void this.#found()
        return
      case 'differs':
        this.#name(effect.peer)
        return
      case 'end':
        this.isOver = true
        return
      case 'answer':
    }
  }

  async #serve(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(body)
    const nowMs = this.#options.environment.clock.monotonicMs()
    let answer: CircleAnswer = 'other list'
    for (const effect of this.#circle.step({ type: 'asked', from, question }, nowMs)) {
      this.#carryOut(effect)
      if (effect.type !== 'answer') continue
      answer = effect.answer
      if (effect.take !== undefined) await this.#take(effect.take)
    }
    return encodeAnswer(answer)
  }

  async #take(invite: string): Promise<void> {
    await this.#options.keep(invite)
    this.#taken = invite
    this.isOver = true
  }

  async #ask(to: PeerId, question: CircleQuestion): Promise<void> {
    if (this.#asking.has(to)) return
    this.#asking.add(to)
    const { network } = this.#options.environment
    const { signal } = this.#options
    try {
      const body = encodeQuestion(question)
      const options = { body, deadlineMs: ANSWER_MS, signal }
      const answer = decodeAnswer(await network.request(to, CIRCLE_PROTOCOL, options))
      this.step({ type: 'answered', from: to, answer })
    } catch (error) {
      // It is not there yet, or has left with its invite: it is asked again until the time is over.
      if (codeOf(error) === undefined && !signal.aborted) this.#fail(error)
    } finally {
      this.#asking.delete(to)
    }
  }

  async #found(): Promise<void> {
    try {
      this.step({ type: 'founded', invite: await this.#options.found() })
    } catch (error) {
      this.#fail(error)
    }
  }

  #name(peer: PeerId): void {
    if (this.#named.has(peer)) return
    this.#named.add(peer)
    const reason = 'it was told another list of peers'
    this.#options.log.warn('cannot found together', { peer, reason })
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.isOver = true
  }
}
