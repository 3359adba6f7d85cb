import { demand } from '../scenario.ts'
import type { Position } from './consensus-machine.ts'

export type Outcome = 'done' | 'not done' | 'unknown'

/**
 * What clients asked and heard. Every answer tells its place in the agreed order, so the history is
 * linearizable exactly if
 *
 *  - each place has one command and one state, whoever tells of it;
 *  - whatever was answered before something else was asked stands before it, and a read counts as
 *    standing right behind the last command it saw.
 */
export class ConsensusHistory {
  readonly #digestAt = new Map<number, number>()
  /** The highest place that any answer told of so far. */
  #answered = 0
  readonly #outcomes = new Map<number, Outcome>()
  #lastNumber = 0
  readonly counts = { done: 0, notDone: 0, unknown: 0, reads: 0 }

  get answered(): number {
    return this.#answered
  }

  /** A command begins; nobody knows yet what becomes of it. */
  write(): { number: number; after: number } {
    const number = ++this.#lastNumber
    this.#outcomes.set(number, 'unknown')
    return { number, after: this.#answered }
  }

  wrote(number: number, after: number, position: Position): void {
    this.counts.done++
    this.#outcomes.set(number, 'done')
    const message = `command ${number} stands at ${position.index}, though ${after} was answered before`
    demand(position.index > after, message)
    this.#told(position)
  }

  refused(number: number): void {
    this.counts.notDone++
    this.#outcomes.set(number, 'not done')
  }

  /** @param after the highest place that was answered when the read was asked. */
  hasRead(after: number, position: Position): void {
    this.counts.reads++
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

  #told(position: Position): void {
    this.seen(position)
    this.#answered = Math.max(this.#answered, position.index)
  }
}
