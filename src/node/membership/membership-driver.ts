import type { Environment, PeerId, Timer } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import type {
  MembershipChange,
  MembershipEffect,
  MembershipEvent,
} from '../../membership/core-types.ts'
import { Membership } from '../../membership/membership.ts'
import type { SyncMessage } from '../../membership/message.ts'
import { profiles } from '../../membership/profile.ts'
import { checkDescription, type Description } from '../../membership/record.ts'
import type { RosterEntry } from '../../membership/roster.ts'
import { decodeSwim, encodeSwim } from '../../membership/swim-wire.ts'
import { decodeSync, encodeSync } from '../../membership/sync-wire.ts'
import { noVitals, type Vitals } from '../../membership/vitals.ts'
import { readCeiling, writeCeiling } from './incarnation-file.ts'
import type { MembershipService, MembershipServiceOptions } from './membership-service.ts'
import { Refusals } from './refusals.ts'

/** One slot of the network per kind, so that an answer is never replaced by gossip. */
const KINDS = ['ping', 'ack', 'ping-req', 'relayed', 'nack', 'gossip'] as const
const SYNC_PROTOCOL = 'membership/sync/1'
/** A question that has no answer by then is given up. */
const SYNC_DEADLINE_MS = 5_000
/** Events that wait while the disk makes an incarnation durable. Datagrams beyond are lost. */
const WAITING_MAX = 1_024
/** So that clocks and timers that disagree by a hair do not chase each other. */
const WAKE_MIN_MS = 0.1

/**
 * Starts the membership protocol; resolves once this peer's incarnation is durable.
 * @throws {HoldfastError} `TOO_LARGE` for the description, or what the disk fails with
 */
export async function startMembership(
  options: MembershipServiceOptions,
): Promise<MembershipService> {
  checkDescription(options.environment.network.self, options.description)
  const driver = new MembershipDriver(options)
  await driver.start()
  return driver
}

/**
 * Runs the core: turns what happens into events, carries the effects out in order, decides nothing.
 * While an incarnation is being made durable everything that happens waits.
 */
class MembershipDriver implements MembershipService {
  readonly #options: MembershipServiceOptions
  readonly #environment: Environment
  readonly #core: Membership
  readonly #tasks: Tasks
  readonly #refusals: Refusals
  readonly #listeners = new Set<(change: MembershipChange) => void>()
  /** Answers that the network's handlers wait for. */
  readonly #answers = new Map<number, PromiseWithResolvers<SyncMessage>>()
  readonly #waiting: MembershipEvent[] = []
  #vitals = noVitals
  #isBusy = false
  #lastToken = 0
  #timer: { readonly atMs: number; readonly timer: Timer } | undefined
  #unwatchLag: () => void = () => undefined
  #stopping: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  readonly #farewell: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(options: MembershipServiceOptions) {
    this.#options = options
    this.#environment = options.environment
    const { environment, network, description, seal, profile = profiles.lan, admits } = options
    this.#core = new Membership({
      self: environment.network.self,
      network,
      description,
      seal,
      profile,
      random: environment.random.fork('membership'),
      ...(admits === undefined ? {} : { admits }),
    })
    this.#tasks = new Tasks({ onFailure: ({ error }) => this.#fail(error) })
    this.#refusals = new Refusals(environment.clock, options.onRefused)
  }

  async start(): Promise<void> {
    const ceiling = await readCeiling(this.#environment.disk)
    const started = this.#handle({ type: 'start', ceiling })
    this.#listen()
    this.#unwatchLag = this.#options.turns.watchLag(ms => this.#post({ type: 'lag', ms }))
    await started
  }

  roster(): readonly RosterEntry[] {
    return this.#core.roster(this.#nowMs())
  }

  peer(peer: PeerId): RosterEntry | undefined {
    return this.#core.peer(peer, this.#nowMs())
  }

  onChange(listener: (change: MembershipChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  join(peers: readonly PeerId[]): void {
    this.#post({ type: 'join', peers })
  }

  describe(description: Description): void {
    checkDescription(this.#environment.network.self, description)
    this.#post({ type: 'describe', description })
  }

  setVitals(vitals: Partial<Vitals>): void {
    this.#vitals = { ...this.#vitals, ...vitals }
    this.#post({ type: 'vitals', vitals: this.#vitals })
  }

  expel(peer: PeerId): void {
    this.#post({ type: 'expel', peer })
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #leave(): Promise<void> {
    this.#post({ type: 'leave' })
    if (this.#stopping === undefined) await this.#farewell.promise
    await this.stop()
  }

  async #stop(): Promise<void> {
    this.#farewell.resolve()
    this.#unwatchLag()
    this.#timer?.timer.cancel()
    this.#waiting.length = 0
    for (const { reject } of this.#answers.values()) reject(busy())
    await this.#tasks.stop('membership is stopped')
  }

  #fail(error: unknown): void {
    void this.stop()
    this.#options.onFailure(error)
  }

  #listen(): void {
    const { network } = this.#environment
    for (const kind of KINDS) {
      network.onDatagram(datagramKind(kind), (from, bytes) => this.#hear(from, bytes))
    }
    network.onRequest(SYNC_PROTOCOL, (from, body) => this.#answer(from, body))
    network.onPeer(({ peer, state }) => {
      this.#post({ type: state === 'up' ? 'connected' : 'disconnected', peer })
    })
  }

  #hear(from: PeerId, bytes: Uint8Array): void {
    if (this.#waiting.length >= WAITING_MAX) return
    try {
      this.#post({ type: 'datagram', from, message: decodeSwim(bytes) })
    } catch (error) {
      this.#refuse(from, error)
    }
  }

  async #answer(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    if (this.#stopping !== undefined || this.#waiting.length >= WAITING_MAX) throw busy()
    let question: SyncMessage
    try {
      question = decodeSync(body)
    } catch (error) {
      this.#refuse(from, error)
      throw error
    }
    const token = ++this.#lastToken
    const answer = Promise.withResolvers<SyncMessage>()
    this.#answers.set(token, answer)
    this.#post({ type: 'asked', from, token, question })
    return encodeSync(await answer.promise)
  }

  #ask(to: PeerId, question: SyncMessage): void {
    this.#tasks.start(`compare with ${to}`, async signal => {
      try {
        const { network } = this.#environment
        const request = { body: encodeSync(question), deadlineMs: SYNC_DEADLINE_MS, signal }
        const body = await network.request(to, SYNC_PROTOCOL, request)
        this.#post({ type: 'answered', from: to, answer: decodeSync(body) })
      } catch (error) {
        if (codeOf(error) === undefined) throw error
        this.#refuse(to, error)
        this.#post({ type: 'unanswered', from: to })
      }
    })
  }

  /** Bytes that make no sense are worth a line in the log; a peer that is away is not. */
  #refuse(from: PeerId, error: unknown): void {
    const code = codeOf(error)
    if (code === undefined) throw error
    if (code === 'MALFORMED' || code === 'TOO_LARGE') {
      this.#refusals.tell(from, (error as HoldfastError).message)
    }
  }

  /** Hands an event to the core, at once or after those that wait already. */
  #post(event: MembershipEvent): void {
    if (this.#stopping !== undefined) return
    if (this.#isBusy) this.#waiting.push(event)
    else void this.#handle(event)
  }

  async #handle(first: MembershipEvent): Promise<void> {
    this.#isBusy = true
    try {
      for (let event: MembershipEvent | undefined = first; event !== undefined;) {
        for (const effect of this.#core.step(event, this.#nowMs())) {
          if (effect.type === 'persist') await this.#persist(effect.ceiling)
          else if (this.#stopping === undefined) this.#carryOut(effect)
        }
        event = this.#waiting.shift()
      }
      this.#setTimer()
    } catch (error) {
      this.#fail(error)
      if (first.type === 'start') throw error
    } finally {
      this.#isBusy = false
    }
  }

  #persist(ceiling: number): Promise<void> {
    return writeCeiling(this.#environment.disk, ceiling)
  }

  #carryOut(effect: Exclude<MembershipEffect, { type: 'persist' }>): void {
    switch (effect.type) {
      case 'send':
        this.#environment.network.sendDatagram(
          effect.to,
          datagramKind(effect.message.type),
          encodeSwim(effect.message),
        )
        return
      case 'ask':
        this.#ask(effect.to, effect.question)
        return
      case 'answer':
        this.#answers.get(effect.token)?.resolve(effect.answer)
        this.#answers.delete(effect.token)
        return
      case 'change':
        for (const listener of this.#listeners) listener(effect.change)
        return
      case 'refused':
        this.#refusals.tell(effect.from, effect.reason)
        return
      case 'left':
        this.#farewell.resolve()
    }
  }

  #setTimer(): void {
    if (this.#stopping !== undefined) return
    const atMs = this.#core.wakeAtMs
    if (this.#timer?.atMs === atMs) return
    this.#timer?.timer.cancel()
    this.#timer = undefined
    if (atMs === Number.POSITIVE_INFINITY) return
    const delayMs = Math.max(WAKE_MIN_MS, atMs - this.#nowMs())
    const timer = this.#environment.timers.after(delayMs, () => {
      this.#options.turns.afterPoll(() => {
        // Another may have been set since: forgotten it would fire beside the next for ever.
        if (this.#timer === armed) this.#timer = undefined
        this.#post({ type: 'wake', wallMs: this.#environment.clock.wallMs() })
      })
    })
    const armed = { atMs, timer }
    this.#timer = armed
  }

  #nowMs(): number {
    return this.#environment.clock.monotonicMs()
  }
}

const datagramKind = (type: string): string => `membership/${type}`

const busy = (): HoldfastError =>
  new HoldfastError('Cannot compare knowledge: this peer is busy or stopping', {
    code: 'BUSY',
    what: 'membership',
    limit: WAITING_MAX,
  })
