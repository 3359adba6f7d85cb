/**
 * How peers that are all started empty, by a machine and with one list of who they are, become one
 * network and never two. Everybody is told the same fixed list of peers; the lowest of them founds.
 *
 *  1. The lowest asks all others until each has said, with the same list, that it is empty. Two halves
 *     of a divided list can therefore not both found, and a peer that waits founds nothing by itself.
 *  2. It founds, once, with an invite for the others that is durable together with the network.
 *  3. It hands the invite to each until all have it, or `INVITING_MS` is over; the others keep it
 *     durably before they say so, and join with it like anybody else.
 *
 * A founder that crashes in between goes on with 3 when it comes back. Whoever has another list, for
 * somebody changed it in one place only, is named and waited for, not left out.
 *
 * Invariants: `found` comes at most once, at the lowest alone, and only after all others said that
 * they are empty; an invite is taken from the lowest alone.
 */
import type { PeerId } from '../../base/environment.ts'

/** How often whoever has not answered is asked again. */
const ASK_EVERY_MS = 500
/** Those who have the invite may be gone already; they are not waited for for ever. */
export const INVITING_MS = 30_000

/** Who asks says with which list; who hands out an invite says which. */
export interface CircleQuestion {
  readonly list: string
  readonly invite: string | undefined
}

/** `other list`: of who the peers are. */
export type CircleAnswer = 'empty' | 'taken' | 'other list'

export type CircleEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'asked'; readonly from: PeerId; readonly question: CircleQuestion }
  | { readonly type: 'answered'; readonly from: PeerId; readonly answer: CircleAnswer }
  /** The network is there, and this invite, durably. */
  | { readonly type: 'founded'; readonly invite: string }

export type CircleEffect =
  | { readonly type: 'ask'; readonly to: PeerId; readonly question: CircleQuestion }
  /** To whoever asked; what is taken with it must be durable first. */
  | { readonly type: 'answer'; readonly answer: CircleAnswer; readonly take?: string }
  | { readonly type: 'found' }
  | { readonly type: 'differs'; readonly peer: PeerId }
  /** The others have what they need, or had time enough. */
  | { readonly type: 'end' }

export interface CircleOptions {
  readonly self: PeerId
  /** All of them, this one too. */
  readonly peers: readonly PeerId[]
  /** The name of the list. */
  readonly list: string
}

export class FoundingCircle {
  readonly #options: CircleOptions
  readonly #others: readonly PeerId[]
  readonly #lowest: PeerId | undefined
  /** Who said that it is empty, then who said that it has the invite. */
  readonly #heard = new Set<PeerId>()
  #phase: 'waiting' | 'gathering' | 'founding' | 'inviting' | 'over'
  #invite: string | undefined
  #askAtMs = -Infinity
  #endAtMs = Infinity

  constructor(options: CircleOptions) {
    this.#options = options
    this.#others = options.peers.filter(peer => peer !== options.self)
    this.#lowest = options.peers.toSorted()[0]
    this.#phase = this.#lowest === options.self ? 'gathering' : 'waiting'
  }

  step(event: CircleEvent, nowMs: number): readonly CircleEffect[] {
    switch (event.type) {
      case 'tick':
        return this.#tick(nowMs)
      case 'asked':
        return this.#asked(event.from, event.question)
      case 'answered':
        return this.#answered(event.from, event.answer)
      case 'founded':
        this.#phase = 'inviting'
        this.#invite = event.invite
        this.#endAtMs = nowMs + INVITING_MS
        this.#heard.clear()
        return this.#ask(nowMs)
    }
  }

  #tick(nowMs: number): readonly CircleEffect[] {
    if (this.#phase === 'inviting' && nowMs >= this.#endAtMs) return this.#end()
    const isAsking = this.#phase === 'gathering' || this.#phase === 'inviting'
    return isAsking && nowMs >= this.#askAtMs ? this.#ask(nowMs) : []
  }

  #ask(nowMs: number): readonly CircleEffect[] {
    this.#askAtMs = nowMs + ASK_EVERY_MS
    const question = { list: this.#options.list, invite: this.#invite }
    const missing = this.#others.filter(peer => !this.#heard.has(peer))
    return missing.map(to => ({ type: 'ask', to, question }))
  }

  #asked(from: PeerId, { list, invite }: CircleQuestion): readonly CircleEffect[] {
    if (list !== this.#options.list) {
      return [
        { type: 'differs', peer: from },
        { type: 'answer', answer: 'other list' },
      ]
    }
    if (invite === undefined) return [{ type: 'answer', answer: 'empty' }]
    if (from !== this.#lowest || this.#phase !== 'waiting') {
      // The same invite again, for the first answer was lost; or somebody who has none to give.
      return [{ type: 'answer', answer: invite === this.#invite ? 'taken' : 'other list' }]
    }
    this.#phase = 'over'
    this.#invite = invite
    return [{ type: 'answer', answer: 'taken', take: invite }]
  }

  #answered(from: PeerId, answer: CircleAnswer): readonly CircleEffect[] {
    if (answer === 'other list') return [{ type: 'differs', peer: from }]
    const wanted = this.#phase === 'inviting' ? 'taken' : 'empty'
    if (answer !== wanted || !this.#others.includes(from)) return []
    this.#heard.add(from)
    if (this.#heard.size < this.#others.length) return []
    if (this.#phase === 'inviting') return this.#end()
    if (this.#phase !== 'gathering') return []
    this.#phase = 'founding'
    return [{ type: 'found' }]
  }

  #end(): readonly CircleEffect[] {
    this.#phase = 'over'
    return [{ type: 'end' }]
  }
}
