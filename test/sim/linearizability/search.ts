import { Prng } from '../../../src/base/prng.ts'
import type { Operation } from './history.ts'
import { emptyRegister, observes, type Register, take } from './register.ts'

/**
 * Looks for one order of the operations of a key that the specification allows and that respects
 * time: what returned before another was called stands before it. After Wing and Gong, with Lowe's
 * memory of configurations.
 *
 * 1. Calls and returns stand in a list by time. What may come next is every call before the first
 *    return. Taking an operation lifts it out of the list; going back puts it in again.
 * 2. A configuration is the set of operations taken and the register. None is entered twice.
 * 3. An operation that fits and changes nothing is taken at once, and no other is tried in its
 *    place: it could stand here in any order that exists. (Unless that keeps out an operation whose
 *    outcome is unknown and which has a return, see `explain.ts`.)
 * 4. One with an unknown outcome may stay out. It is taken only if nothing else led on, not after
 *    its return if it has one, and only before something that observes it: a write that is
 *    overwritten unseen might as well have stayed out.
 * 5. Where writes tell their revisions, nothing is taken ahead of a write of a lower one.
 *
 * Done as soon as no return is left. A configuration is remembered by 96 bits of Zobrist hash and
 * its register; at the limit of the memory a false merge has a chance below 10^-16.
 */
export class Search {
  readonly operations: readonly Operation[]
  /** The longest order that led no further. */
  deepest: Reached
  /** The return that no order gets past, once the history was found bad. */
  blockedAt: number = -Infinity
  #steps = 0
  readonly #memoryMax: number
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** Zobrist words, three per operation. */
  readonly #words: Int32Array
  readonly #hash: Int32Array = new Int32Array(3)
  readonly #seen: Set<string> = new Set()
  readonly #registers: Map<string, number> = new Map()
  readonly #path: Taken[] = []
  /** Entries of the writes whose revision is known, by revision; the first not taken. */
  readonly #ranked: readonly number[]
  readonly #isTaken: Uint8Array
  #rank = 0
  #register: Register = emptyRegister
  /** Of the operations taken. */
  #latestCall = -Infinity
  /** Whether an operation that may stay out has a return. */
  readonly #hasDeadlines: boolean
  #at: number
  #phase: Phase = 'steady'

  /** @param memoryMax configurations that may be remembered; beyond that the answer is `full`. */
  constructor(operations: readonly Operation[], memoryMax: number) {
    this.operations = operations
    this.#memoryMax = memoryMax
    this.deepest = { count: 0, register: emptyRegister, last: undefined }
    const size = operations.length
    this.#words = Int32Array.from({ length: size * 3 }, (_, at) => zobrist(at))
    this.#next = new Int32Array(size * 2 + 1).fill(END)
    this.#previous = new Int32Array(size * 2 + 1).fill(END)
    this.#hasDeadlines = operations.some(
      ({ outcome, returnedAt }) => outcome.type === 'unknown' && returnedAt < Infinity,
    )
    this.#isTaken = new Uint8Array(size + 1)
    this.#ranked = operations
      .map((operation, at) => ({ entry: at + 1, revision: writtenAt(operation) }))
      .filter(({ revision }) => revision < Infinity)
      .toSorted((a, b) => a.revision - b.revision)
      .map(({ entry }) => entry)
    this.#link()
    this.#at = this.#first()
  }

  /** Configurations entered so far. */
  get steps(): number {
    return this.#steps
  }

  /** Goes on for up to `stepsMax` configurations; undefined if that does not decide it. */
  run(stepsMax: number): 'good' | 'bad' | 'full' | undefined {
    const until = this.#steps + stepsMax
    while (this.#steps < until) {
      if (this.#seen.size > this.#memoryMax) return 'full'
      if (this.#at !== END && this.#isCall(this.#at)) {
        this.#consider(this.#at)
      } else if (this.#at === END) {
        return 'good'
      } else if (!this.#turn(this.#at)) {
        return 'bad'
      }
    }
    return undefined
  }

  /** Entry 0 heads the list; operation i is called at 1 + i and returns at 1 + size + i. */
  #link(): void {
    const size = this.operations.length
    const entries = this.operations.flatMap(({ calledAt, returnedAt, outcome }, at) => [
      { entry: 1 + at, time: calledAt, isReturn: 0 },
      ...(outcome.type === 'unknown'
        ? []
        : [{ entry: 1 + size + at, time: returnedAt, isReturn: 1 }]),
    ])
    // At equal times a call comes first: the two may have overlapped.
    entries.sort((a, b) => a.time - b.time || a.isReturn - b.isReturn || a.entry - b.entry)
    let last = 0
    for (const { entry } of entries) {
      this.#next[last] = entry
      this.#previous[entry] = last
      last = entry
    }
  }

  #first = (): number => this.#next[0] as number

  #isCall = (entry: number): boolean => entry <= this.operations.length

  /** Takes the operation called here if it may come next, or looks at the one after it. */
  #consider(entry: number): void {
    const operation = this.operations[entry - 1] as Operation
    const phase = this.#phase
    const isUnknown = operation.outcome.type === 'unknown'
    const after = this.#isDue(operation, isUnknown) ? take(this.#register, operation) : undefined
    // The steady are looked for first among all, then what changes something.
    const isSteady = after === this.#register
    if (after === undefined || (phase === 'steady') !== isSteady || (isUnknown && isSteady)) {
      this.#at = this.#next[entry] as number
      return
    }
    this.#flip(entry)
    if (!this.#remember(after)) {
      this.#flip(entry)
      this.#at = this.#next[entry] as number
      return
    }
    this.#steps++
    this.#path.push({ entry, register: this.#register, phase, latestCall: this.#latestCall })
    this.#latestCall = Math.max(this.#latestCall, operation.calledAt)
    this.#lift(entry)
    this.#register = after
    this.#restart()
  }

  #isDue(operation: Operation, isUnknown: boolean): boolean {
    if (isUnknown !== (this.#phase === 'unknown')) return false
    if (revisionOf(operation) > this.#lowestRevision()) return false
    if (operation.returnedAt < this.#latestCall) return false
    const followsUnknown = this.#path.at(-1)?.phase === 'unknown'
    return !followsUnknown || observes(operation)
  }

  /** Of the writes not taken yet, as far as they tell. */
  #lowestRevision(): number {
    const lowest = this.operations[(this.#ranked[this.#rank] ?? 0) - 1]
    return lowest === undefined ? Infinity : writtenAt(lowest)
  }

  #restart(): void {
    this.#phase = 'steady'
    this.#at = this.#first()
  }

  /** Nothing more to try in this phase: on to the next, or back. */
  #turn(blocker: number): boolean {
    if (this.#phase !== 'unknown') {
      this.#phase = this.#phase === 'steady' ? 'certain' : 'unknown'
      this.#at = this.#first()
      return true
    }
    const { returnedAt = Infinity } = this.operations[blocker - 1 - this.operations.length] ?? {}
    this.blockedAt = Math.max(this.blockedAt, returnedAt)
    return this.#back()
  }

  #back(): boolean {
    if (this.#path.length > this.deepest.count) {
      const last = this.operations[(this.#path.at(-1)?.entry ?? 0) - 1]
      this.deepest = { count: this.#path.length, register: this.#register, last }
    }
    for (;;) {
      const taken = this.#path.pop()
      if (taken === undefined) return false
      this.#unlift(taken.entry)
      this.#flip(taken.entry)
      this.#register = taken.register
      this.#latestCall = taken.latestCall
      // What changed nothing could stand here in every order: without it there is none.
      if (taken.phase === 'steady' && !this.#hasDeadlines) continue
      this.#phase = taken.phase
      this.#at = this.#next[taken.entry] as number
      return true
    }
  }

  #lift(entry: number): void {
    this.#isTaken[entry] = 1
    while (this.#isTaken[this.#ranked[this.#rank] ?? 0] === 1) this.#rank++
    this.#unlink(entry)
    if (this.#returnOf(entry) !== END) this.#unlink(this.#returnOf(entry))
  }

  #unlift(entry: number): void {
    if (this.#returnOf(entry) !== END) this.#relink(this.#returnOf(entry))
    this.#relink(entry)
    this.#isTaken[entry] = 0
    // Writes are taken by rising revision, so this one is right before the first not taken.
    if (this.#ranked[this.#rank - 1] === entry) this.#rank--
  }

  #returnOf(entry: number): number {
    const isUnknown = this.operations[entry - 1]?.outcome.type === 'unknown'
    return isUnknown ? END : entry + this.operations.length
  }

  #unlink(entry: number): void {
    const before = this.#previous[entry] as number
    const after = this.#next[entry] as number
    this.#next[before] = after
    if (after !== END) this.#previous[after] = before
  }

  #relink(entry: number): void {
    const before = this.#previous[entry] as number
    const after = this.#next[entry] as number
    this.#next[before] = entry
    if (after !== END) this.#previous[after] = entry
  }

  #flip(entry: number): void {
    const at = (entry - 1) * 3
    for (let word = 0; word < 3; word++) {
      this.#hash[word] = (this.#hash[word] as number) ^ (this.#words[at + word] as number)
    }
  }

  /** False if this configuration was entered before, with the same choices from there. */
  #remember({ value, revision, isExact }: Register): boolean {
    const mark = `${isExact ? '=' : '+'}${this.#phase === 'unknown' ? '?' : ''}`
    const text = `${revision}${mark}${value === undefined ? '' : `:${value}`}`
    let register = this.#registers.get(text)
    if (register === undefined) this.#registers.set(text, (register = this.#registers.size))
    const [a = 0, b = 0, c = 0] = this.#hash
    const key = String.fromCharCode(
      a & 0xffff,
      a >>> 16,
      b & 0xffff,
      b >>> 16,
      c & 0xffff,
      c >>> 16,
      register & 0xffff,
      register >>> 16,
    )
    const size = this.#seen.size
    return this.#seen.add(key).size > size
  }
}

/** An order as far as it got: how many operations it has, the last of them, the register after. */
export interface Reached {
  readonly count: number
  readonly last: Operation | undefined
  readonly register: Register
}

const writtenAt = ({ outcome }: Operation): number =>
  outcome.type === 'written' ? (outcome.revision ?? Infinity) : Infinity

/** The revision that was there or was written, as far as it is known. */
const revisionOf = ({ outcome }: Operation): number =>
  'revision' in outcome ? (outcome.revision ?? 0) : 0

interface Taken {
  readonly entry: number
  /** Before it was taken. */
  readonly register: Register
  readonly latestCall: number
  readonly phase: Phase
}

/** What is being tried: what changes nothing, what surely happened, what perhaps did. */
type Phase = 'steady' | 'certain' | 'unknown'

const END = -1

const words = new Prng(0x11ea)
const table: number[] = []

/** The same words for every search, made as they are needed. */
function zobrist(at: number): number {
  while (table.length <= at) table.push(words.u32() | 0)
  return table[at] as number
}
