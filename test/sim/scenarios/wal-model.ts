import { equals } from '../../../src/base/bytes.ts'
import { Prng } from '../../../src/base/prng.ts'
import type { WalRecord } from '../../../src/storage/wal-record.ts'

/** What a group's log must look like. */
export interface ModelGroup {
  baseIndex: number
  baseTerm: number
  entries: { term: number; payload: Uint8Array }[]
  state: Uint8Array | undefined
}

export type ModelState = Map<number, ModelGroup>

/** An append that was begun. */
export interface ModelAppend {
  readonly records: readonly WalRecord[]
}

/**
 * What the log may hold: everything settled, and any prefix of what was begun after that, for the
 * log is written in order. Slow and obvious on purpose.
 */
export class WalModel {
  settled: ModelState = new Map()
  pending: ModelAppend[] = []
  /** Settled and pending: what the writers build on. */
  tip: ModelState = new Map()

  begin(records: readonly WalRecord[]): ModelAppend {
    const append = { records }
    this.pending.push(append)
    applyAll(this.tip, records)
    return append
  }

  /** The append was acknowledged, so it and all before it are there for good. */
  acknowledge(append: ModelAppend): void {
    this.settle(this.pending.indexOf(append) + 1)
  }

  /** The append certainly did not happen, and nothing that was begun after it either. */
  refuse(append: ModelAppend): void {
    const at = this.pending.indexOf(append)
    if (at < 0) return
    this.pending.length = at
    this.tip = clone(this.settled)
    for (const { records } of this.pending) applyAll(this.tip, records)
  }

  /** The first `count` pending appends turned out to be there. */
  settle(count: number): void {
    for (const { records } of this.pending.splice(0, count)) applyAll(this.settled, records)
  }

  /** What was begun and is not settled will never happen. */
  forget(): void {
    this.pending = []
    this.tip = clone(this.settled)
  }

  /** The states the log may be in after a crash, by how many pending appends they include. */
  *candidates(): Generator<ModelState> {
    const state = clone(this.settled)
    yield state
    for (const { records } of this.pending) {
      applyAll(state, records)
      yield state
    }
  }
}

/** Why a group is not as it should be; undefined if it is. */
export function differenceOf(
  actual: ModelGroup | undefined,
  wanted: ModelGroup | undefined,
): string | undefined {
  if (actual === undefined || wanted === undefined) {
    return actual === wanted ? undefined : `it is ${actual === undefined ? 'missing' : 'invented'}`
  }
  if (actual.baseIndex !== wanted.baseIndex || actual.baseTerm !== wanted.baseTerm) {
    return `base ${actual.baseIndex}/${actual.baseTerm}, not ${wanted.baseIndex}/${wanted.baseTerm}`
  }
  if (actual.entries.length !== wanted.entries.length) {
    return `${actual.entries.length} entries, not ${wanted.entries.length}`
  }
  const wrong = actual.entries.findIndex((entry, at) => {
    const other = wanted.entries[at]
    return entry.term !== other?.term || !equals(entry.payload, other.payload)
  })
  if (wrong >= 0) return `entry ${actual.baseIndex + 1 + wrong} differs`
  if (actual.state === undefined || wanted.state === undefined) {
    return actual.state === wanted.state ? undefined : 'its state is missing or invented'
  }
  return equals(actual.state, wanted.state) ? undefined : 'its state differs'
}

/**
 * A payload that nobody else has: its number, then bytes that follow from the number, of kinds that
 * a log may stumble over: noise, zeros, long runs.
 */
export function payloadOf(number: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const kind = number % 4
  const payload =
    kind < 2
      ? new Prng(number).bytes(sizeBytes)
      : new Uint8Array(sizeBytes).fill(kind === 2 ? 0 : 255)
  new DataView(payload.buffer).setUint32(0, number, true)
  return payload
}

/** Whether a payload is one of ours, byte for byte. */
export function isGenuine(payload: Uint8Array): boolean {
  if (payload.length < 4) return false
  const view = new DataView(payload.buffer, payload.byteOffset)
  return equals(payload, payloadOf(view.getUint32(0, true), payload.length))
}

const clone = (state: ModelState): ModelState =>
  new Map([...state].map(([group, found]) => [group, { ...found, entries: [...found.entries] }]))

function applyAll(state: ModelState, records: readonly WalRecord[]): void {
  for (const record of records) apply(state, record)
}

function apply(state: ModelState, record: WalRecord): void {
  if (record.type === 'base') {
    const { index, term } = record
    state.set(record.group, { baseIndex: index, baseTerm: term, entries: [], state: undefined })
    return
  }
  const group = state.get(record.group)
  if (group === undefined) return
  switch (record.type) {
    case 'entry':
      group.entries.length = record.index - group.baseIndex - 1
      group.entries.push({ term: record.term, payload: record.payload })
      return
    case 'state':
      group.state = record.payload
      return
    case 'truncate':
      group.entries.length = Math.min(group.entries.length, record.index - group.baseIndex)
      return
    case 'trim':
      group.entries.splice(0, record.index - group.baseIndex)
      group.baseIndex = record.index
      group.baseTerm = record.term
      return
    case 'drop':
      state.delete(record.group)
  }
}
