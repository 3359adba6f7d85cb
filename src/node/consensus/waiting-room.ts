import { HoldfastError } from '../../base/errors.ts'
import type { LogMark, ReplicaId } from '../../consensus/entry.ts'
import type { Refusal } from '../../consensus/raft-effect.ts'
import { peerOf } from './replica-name.ts'

interface Waiter<Result> {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

/** Commands and reads that may wait in one group. */
const WAITING_MAX = 65_536

/**
 * Those who wait for something of a group: for their command to be applied, for a read to be
 * confirmed, for the state to reach an index. Nobody is left waiting when the leader loses its
 * place: what became of their command is then unknown (bug class 27).
 */
export class WaitingRoom {
  readonly #group: number
  #lastId = 0
  /** Not yet accepted or refused by the core, or reads. */
  readonly #asked = new Map<number, Waiter<Uint8Array | undefined>>()
  readonly #reads = new Map<number, Waiter<number>>()
  /** Accepted, by their place in the log. */
  readonly #accepted = new Map<number, { term: number; waiter: Waiter<Uint8Array | undefined> }>()
  #reaching: { index: number; resolve: () => void }[] = []

  constructor(group: number) {
    this.#group = group
  }

  get size(): number {
    return this.#asked.size + this.#reads.size + this.#accepted.size + this.#reaching.length
  }

  /** Somebody waits for a command or a change; the result is undefined for a change. */
  ask(): { id: number; result: Promise<Uint8Array | undefined> } {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
    const id = this.#nextId()
    this.#asked.set(id, { resolve, reject })
    return { id, result: promise }
  }

  /** Somebody waits for an index from which to read. */
  read(): { id: number; index: Promise<number> } {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const id = this.#nextId()
    this.#reads.set(id, { resolve, reject })
    return { id, index: promise }
  }

  /** Resolves when the state has reached `index`. */
  reach(index: number): Promise<void> {
    return new Promise(resolve => {
      this.#reaching.push({ index, resolve })
    })
  }

  accepted(id: number, { index, term }: LogMark): void {
    const waiter = this.#asked.get(id)
    this.#asked.delete(id)
    if (waiter !== undefined) this.#accepted.set(index, { term, waiter })
  }

  refused(id: number, reason: Refusal, leader: ReplicaId | undefined): void {
    this.#asked.get(id)?.reject(refusal(this.#group, reason, leader))
    this.#asked.delete(id)
  }

  readReady(ids: readonly number[], index: number): void {
    for (const id of ids) {
      this.#reads.get(id)?.resolve(index)
      this.#reads.delete(id)
    }
  }

  readRefused(ids: readonly number[], leader: ReplicaId | undefined): void {
    for (const id of ids) {
      this.#reads.get(id)?.reject(notLeader(this.#group, leader))
      this.#reads.delete(id)
    }
  }

  applied({ index, term }: LogMark, result: Uint8Array | undefined): void {
    const accepted = this.#accepted.get(index)
    if (accepted === undefined) return
    this.#accepted.delete(index)
    if (accepted.term === term) accepted.waiter.resolve(result)
    else accepted.waiter.reject(unknown(this.#group, 'another command took its place'))
  }

  /** The state is as far as `index`. */
  reached(index: number): void {
    if (this.#reaching.length === 0) return
    for (const waiter of this.#reaching) if (waiter.index <= index) waiter.resolve()
    this.#reaching = this.#reaching.filter(waiter => waiter.index > index)
  }

  /** Whoever waits for a command that was accepted will not hear of it here. */
  lose(reason: string): void {
    const lost = [...this.#accepted.values()]
    this.#accepted.clear()
    for (const { waiter } of lost) waiter.reject(unknown(this.#group, reason))
  }

  /** Nothing more will happen. */
  close(reason: string): void {
    this.lose(reason)
    const asked = [...this.#asked.values(), ...this.#reads.values()]
    this.#asked.clear()
    this.#reads.clear()
    for (const { reject } of asked) reject(notLeader(this.#group, undefined))
    // Those who wait for an index give up by their own deadline.
    this.#reaching = []
  }

  #nextId(): number {
    if (this.size >= WAITING_MAX) throw busy()
    return ++this.#lastId
  }
}

function refusal(group: number, reason: Refusal, leader: ReplicaId | undefined): HoldfastError {
  switch (reason) {
    case 'not leader':
    case 'transferring':
      return notLeader(group, leader)
    case 'busy':
      return busy()
    case 'changing':
    case 'pointless': {
      const details = { code: 'CHANGE_REFUSED', group, reason } as const
      return new HoldfastError(`Cannot change the members of group ${group}: ${reason}`, details)
    }
  }
}

function notLeader(group: number, leader: ReplicaId | undefined): HoldfastError {
  const peer = leader === undefined ? {} : { leader: peerOf(leader) }
  const details = { code: 'NOT_LEADER', group, ...peer } as const
  return new HoldfastError(
    `Cannot lead group ${group}: ${details.leader ?? 'nobody'} does`,
    details,
  )
}

export function unknown(group: number, reason: string): HoldfastError {
  const details = { code: 'OUTCOME_UNKNOWN', group, reason } as const
  return new HoldfastError(`Cannot tell what became of a command: ${reason}`, details)
}

function busy(): HoldfastError {
  const details = { code: 'BUSY', what: 'commands', limit: WAITING_MAX } as const
  return new HoldfastError('Cannot take a command: too many wait', details)
}
