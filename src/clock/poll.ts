import type { Random } from '../base/environment.ts'
import { type ClockOptions, STABLE_POLLS } from './options.ts'
import type { Source } from './source.ts'

/** What a poll came to. */
export type Outcome =
  /** Accepted, and the clock was where it thought it was. */
  | 'steady'
  /** Accepted, and the clock had to be moved by more than its own error. */
  | 'moved'
  /** Too few answers to conclude anything. */
  | 'silent'
  /** Enough answers, but no majority agrees. */
  | 'divided'

/** Who is asked, how often, and when it is over. Between two polls nothing happens. */
export class Poll {
  readonly #options: ClockOptions
  readonly #random: Random
  #servers: Source[] = []
  #peers: Source[] = []
  /** Sources that were asked, left out because they were silent, or both: the whole electorate. */
  #electorate: { servers: readonly Source[]; peers: readonly Source[] } = { servers: [], peers: [] }
  #isOn = false
  #beganMs = 0
  #nextMs: number
  #endMs = Number.POSITIVE_INFINITY
  #everyMs: number
  #stable = 0
  #count = 0

  constructor(options: ClockOptions, random: Random, nowMs: number) {
    this.#options = options
    this.#random = random
    this.#nextMs = nowMs
    this.#everyMs = options.pollBootMs
  }

  /** Polls concluded so far. */
  get count(): number {
    return this.#count
  }

  get everyMs(): number {
    return this.#everyMs
  }

  /** When something is to be done: the next poll, question, or conclusion. */
  get dueMs(): number {
    return this.#isOn ? Math.min(this.#nextMs, this.#endMs) : this.#nextMs
  }

  isDue(nowMs: number): boolean {
    return !this.#isOn && nowMs >= this.#nextMs
  }

  /** Whether an answer to a question sent at that time belongs to the poll in progress. */
  includes(source: Source, sentMs: number): boolean {
    if (!this.#isOn || sentMs < this.#beganMs) return false
    return this.#servers.includes(source) || this.#peers.includes(source)
  }

  begin(
    nowMs: number,
    servers: readonly Source[],
    peers: readonly Source[],
    isTrusted: boolean,
  ): void {
    const { burst, burstShort, peersPerPoll } = this.#options
    const chosen = this.#random.shuffle(peers).slice(0, peersPerPoll)
    this.#electorate = { servers, peers: chosen }
    this.#servers = servers.filter(server => server.beginPoll(isTrusted ? burst : burstShort))
    this.#peers = chosen.filter(peer => peer.beginPoll(burstShort))
    this.#isOn = true
    this.#beganMs = nowMs
    this.#nextMs = nowMs
    this.#endMs = Number.POSITIVE_INFINITY
  }

  /** The sources to ask now, one question each. */
  asksDue(nowMs: number): readonly Source[] {
    if (!this.#isOn || nowMs < this.#nextMs) return []
    const due = [...this.#servers, ...this.#peers].filter(source => source.asksLeft > 0)
    for (const source of due) source.ask()
    const isMore = due.some(source => source.asksLeft > 0)
    this.#nextMs = isMore ? nowMs + this.#options.spacingMs : Number.POSITIVE_INFINITY
    if (!isMore) this.#endMs = nowMs + this.#options.answerMs
    return due
  }

  isOver(nowMs: number): boolean {
    if (!this.#isOn) return false
    const isQuiet = [...this.#servers, ...this.#peers].every(
      ({ asksLeft, outstanding }) => asksLeft + outstanding === 0,
    )
    return isQuiet || nowMs >= this.#endMs
  }

  /** @returns everybody whose word would have counted, whether it came or not. */
  end(): { servers: readonly Source[]; peers: readonly Source[] } {
    for (const source of [...this.#servers, ...this.#peers]) source.endPoll()
    this.#isOn = false
    this.#count++
    return this.#electorate
  }

  /** Sets when the next poll begins: soon while in doubt, seldom once all is well. */
  schedule(nowMs: number, outcome: Outcome, isTrusted: boolean): void {
    const { pollBootMs, pollMinMs, pollMaxMs, patiencePolls } = this.#options
    this.#stable = outcome === 'steady' ? this.#stable + 1 : 0
    const isBooting = !isTrusted && this.#count < patiencePolls
    if (isBooting) this.#everyMs = pollBootMs
    else this.#everyMs = this.#stable >= STABLE_POLLS ? pollMaxMs : pollMinMs
    // Not in step with everybody who was started at the same time.
    const jitter = 1 + POLL_JITTER * (this.#random.float() * 2 - 1)
    this.#nextMs = Math.max(nowMs, this.#beganMs + this.#everyMs * jitter)
  }

  /** From now on at the pace of a start. @param isVoid drops the poll in progress. */
  hasten(nowMs: number, isVoid: boolean): void {
    this.#stable = 0
    this.#count = 0
    if (this.#isOn && !isVoid) return
    this.#isOn = false
    this.#nextMs = nowMs
  }
}

const POLL_JITTER = 0.05
