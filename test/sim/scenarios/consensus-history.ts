import { checkHistory } from '../linearizability/checker.ts'
import { type Action, HistoryRecorder, type Outcome as Told } from '../linearizability/history.ts'
import { demand } from '../scenario.ts'
import { type Position, registerOf } from './consensus-machine.ts'

export type Outcome = 'done' | 'not done' | 'unknown'

/**
 * What clients asked and heard. Every answer tells its place in the agreed order, so the history is
 * linearizable exactly if
 *
 *  - each place has one command and one state, whoever tells of it;
 *  - whatever was answered before something else was asked stands before it, and a read counts as
 *    standing right behind the last command it saw.
 *
 * That believes the places. A second judge does not: it looks at the registers alone, what was
 * written and what was read, and searches for an order that explains it.
 */
export class ConsensusHistory {
  readonly #digestAt = new Map<number, number>()
  /** The highest place that any answer told of so far. */
  #answered = 0
  readonly #outcomes = new Map<number, Outcome>()
  readonly #registers = new HistoryRecorder()
  /** How to note what became of each command. */
  readonly #calls = new Map<number, (outcome: Told) => void>()
  readonly #now: () => number
  #lastNumber = 0
  readonly counts = { done: 0, notDone: 0, unknown: 0, reads: 0 }

  constructor(now: () => number) {
    this.#now = now
  }

  get answered(): number {
    return this.#answered
  }

  /** A command begins; nobody knows yet what becomes of it. */
  write(): { number: number; after: number } {
    const number = ++this.#lastNumber
    this.#outcomes.set(number, 'unknown')
    this.#calls.set(number, this.#call(number, { type: 'put', value: String(number) }))
    return { number, after: this.#answered }
  }

  wrote(number: number, after: number, position: Position): void {
    this.counts.done++
    this.#outcomes.set(number, 'done')
    this.#calls.get(number)?.({ type: 'written' })
    const message = `command ${number} stands at ${position.index}, though ${after} was answered before`
    demand(position.index > after, message)
    this.#told(position)
  }

  refused(number: number): void {
    this.counts.notDone++
    this.#outcomes.set(number, 'not done')
    this.#calls.get(number)?.({ type: 'refused' })
  }

  /** A read of the newest register begins. */
  read(): { register: number; after: number; call: (outcome: Told) => void } {
    const call = this.#call(this.#lastNumber, { type: 'get' })
    return { register: registerOf(this.#lastNumber), after: this.#answered, call }
  }

  /** @param after the highest place that was answered when the read was asked. */
  hasRead(
    { after, call }: { after: number; call: (outcome: Told) => void },
    position: Position & { readonly value: number },
  ): void {
    this.counts.reads++
    const { value } = position
    call({ type: 'found', value: value === 0 ? undefined : String(value) })
    demand(position.index >= after, `a read sees ${position.index}, though ${after} was answered`)
    this.#told(position)
  }

  /** A state seen anywhere, however old. */
  seen({ index, digest }: Position): void {
    const known = this.#digestAt.get(index)
    demand(known === undefined || known === digest, `two states stand at ${index}`)
    this.#digestAt.set(index, digest)
  }

  /** Everything that was done is there once, what was not done is not. */
  reckon(numbers: readonly number[]): void {
    const verdict = checkHistory(this.#registers.operations)
    const message = verdict.type === 'violated' ? JSON.stringify(verdict.explanation) : verdict.type
    demand(verdict.type === 'linearizable', `the registers tell no one story: ${message}`)
    const found = new Set(numbers)
    demand(found.size === numbers.length, 'a command was applied twice')
    for (const [number, outcome] of this.#outcomes) {
      if (outcome === 'done') demand(found.has(number), `command ${number} is lost: it was done`)
      if (outcome === 'not done') {
        demand(!found.has(number), `command ${number} is there: it was said not to be done`)
      }
      if (outcome === 'unknown') this.counts.unknown++
    }
  }

  /** Every call has a client of its own, for nobody waits for its answer. */
  #call(number: number, action: Action): (outcome: Told) => void {
    const client = `${this.#registers.operations.length}`
    const operation = { client, key: String(registerOf(number)), action }
    const told = this.#registers.call(operation, this.#now())
    return outcome => told(outcome, this.#now())
  }

  #told(position: Position): void {
    this.seen(position)
    this.#answered = Math.max(this.#answered, position.index)
  }
}
