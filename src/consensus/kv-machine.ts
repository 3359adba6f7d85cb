/**
 * A replicated map from keys to values: the network's settings, and whatever else is small and must
 * be agreed on.
 *
 *  - A command's revision is its index in the log, so revisions rise through all keys and groups of
 *    replicas alike, and `cas` at a revision can never take one write for another.
 *  - Nothing here knows time, chance or its own replica. Equal logs make equal states, to the byte.
 *  - Everything is bounded: keys, values, their number, their bytes in all, the changes that are
 *    remembered. What goes beyond is refused by answer, and changes nothing.
 *  - A snapshot is the entries in the order of their keys, then the remembered changes, then the
 *    hash of it all, which a restore compares.
 */
import { assert } from '../base/assert.ts'
import { equals } from '../base/bytes.ts'
import { codeOf } from '../base/errors.ts'
import { KvChanges } from './kv-changes.ts'
import {
  decodeKvCommand,
  encodeKvAnswer,
  type KvAnswer,
  type KvCommand,
  type KvCondition,
  type KvEntry,
} from './kv-command.ts'
import {
  decodeKvQuestion,
  encodeKvReply,
  KV_REPLY_BYTES_MAX,
  KV_REPLY_ITEMS_MAX,
  type KvChange,
  type KvQuestion,
  type KvReply,
} from './kv-question.ts'
import { hashedParts, type KvState, readKvSnapshot, writeKvSnapshot } from './kv-snapshot.ts'
import { StateHash } from './state-hash.ts'
import type { Command, StateMachine } from './state-machine.ts'

export interface KvLimits {
  /** @default 65_536 */
  readonly keysMax: number
  /** Of all keys and values together. @default 67_108_864 */
  readonly bytesMax: number
}

const DEFAULT_LIMITS: KvLimits = { keysMax: 65_536, bytesMax: 67_108_864 }

const EMPTY = { index: 0, entries: [], changes: [], oldest: 0 }

export class KvMachine implements StateMachine {
  readonly #limits: KvLimits
  #entries: Map<string, KvEntry> = new Map()
  /** The keys in order. */
  #keys: string[] = []
  #changes = new KvChanges()
  #hash = new StateHash()
  #bytes = 0
  /** Index of the last command applied. */
  #index = 0

  constructor(limits: Partial<KvLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /** How many keys there are, and the bytes of keys and values together. */
  get size(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#keys.length, bytes: this.#bytes }
  }

  apply(commands: readonly Command[]): readonly Uint8Array[] {
    return commands.map(({ index, data }) => {
      assert(index > this.#index, `command ${index} comes after command ${this.#index}`)
      this.#index = index
      return encodeKvAnswer(this.#execute(data, index))
    })
  }

  query(question: Uint8Array): Uint8Array {
    return encodeKvReply(this.#reply(decodeKvQuestion(question)))
  }

  snapshot(): Iterable<Uint8Array> {
    const state: KvState = {
      index: this.#index,
      entries: this.#keys.map(key => this.#entries.get(key) as KvEntry),
      changes: this.#changes.all(),
      oldest: this.#changes.oldest,
      hash: this.hash(),
    }
    return writeKvSnapshot(state)
  }

  /**
   * No pieces at all make an empty map.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`: the machine is as it was.
   */
  restore(pieces: readonly Uint8Array[]): void {
    const { index, entries, changes, oldest } =
      pieces.length === 0 ? EMPTY : readKvSnapshot(pieces, this.#limits.keysMax)
    this.#index = index
    this.#entries = new Map(entries.map(entry => [entry.key, entry]))
    this.#keys = entries.map(({ key }) => key)
    this.#changes = KvChanges.restored(changes, oldest)
    this.#bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
    this.#hash = new StateHash()
    for (const entry of entries) this.#hash.add(hashedParts(entry))
  }

  /** Equal for equal maps; 16 hexadecimal digits. */
  hash(): string {
    return this.#hash.digest()
  }

  #execute(data: Uint8Array, revision: number): KvAnswer {
    const command = understood(data)
    if (command === undefined) return { type: 'refused', reason: 'malformed' }
    const entry = this.#entries.get(command.key)
    switch (command.type) {
      case 'put':
        return this.#write(command.key, command.value, revision)
      case 'delete':
        if (entry === undefined) return { type: 'conflict', entry }
        return this.#write(command.key, undefined, revision)
      case 'cas':
        if (!holds(command.expected, entry)) return { type: 'conflict', entry }
        return this.#write(command.key, command.value, revision)
    }
  }

  #write(key: string, value: Uint8Array | undefined, revision: number): KvAnswer {
    const before = this.#entries.get(key)
    // The command's bytes belong to the log; what stays is a copy.
    const after = value === undefined ? undefined : { key, value: value.slice(), revision }
    const bytes = this.#bytes + bytesOf(after) - bytesOf(before)
    if (after !== undefined && before === undefined && this.#keys.length >= this.#limits.keysMax) {
      return { type: 'refused', reason: 'keys' }
    }
    if (bytes > this.#limits.bytesMax && bytes > this.#bytes) {
      return { type: 'refused', reason: 'bytes' }
    }
    this.#exchange(key, before, after)
    this.#bytes = bytes
    this.#changes.push({ key, value: after?.value, revision })
    return { type: 'written', revision }
  }

  #exchange(key: string, before: KvEntry | undefined, after: KvEntry | undefined): void {
    if (before !== undefined) this.#hash.remove(hashedParts(before))
    if (after !== undefined) this.#hash.add(hashedParts(after))
    if (after === undefined) this.#entries.delete(key)
    else this.#entries.set(key, after)
    if ((before === undefined) === (after === undefined)) return
    const at = this.#position(key)
    this.#keys.splice(at, before === undefined ? 0 : 1, ...(after === undefined ? [] : [key]))
  }

  /** Where the first key lies that is not below `key`. */
  #position(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#keys[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  #reply(question: KvQuestion): KvReply {
    switch (question.type) {
      case 'get':
        return { type: 'entry', entry: this.#entries.get(question.key) }
      case 'list':
        return this.#list(question)
      case 'changes':
        return this.#watch(question)
    }
  }

  #list({ prefix, after, limit }: KvQuestion & { type: 'list' }): KvReply {
    const room = new Room<KvEntry>(limit)
    const start = after > prefix ? after : prefix
    let at = this.#position(start)
    if (this.#keys[at] === after) at++
    for (; this.#keys[at]?.startsWith(prefix) === true; at++) {
      const entry = this.#entries.get(this.#keys[at] as string) as KvEntry
      if (!room.take(entry, bytesOf(entry)))
        return { type: 'entries', entries: room.items, isMore: true }
    }
    return { type: 'entries', entries: room.items, isMore: false }
  }

  #watch({ prefix, after, limit }: KvQuestion & { type: 'changes' }): KvReply {
    const { oldest } = this.#changes
    if (after < oldest) return { type: 'trimmed', oldest }
    const room = new Room<KvChange>(limit)
    let through = after
    for (const change of this.#changes.above(after)) {
      if (change.key.startsWith(prefix) && !room.take(change, bytesOf(change))) {
        return { type: 'changes', changes: room.items, through }
      }
      through = change.revision
    }
    return { type: 'changes', changes: room.items, through: Math.max(after, this.#index) }
  }
}

/** What fits into one reply: at least one item, then up to the bounds. */
class Room<Item> {
  readonly items: Item[] = []
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = Math.min(Math.max(1, limit), KV_REPLY_ITEMS_MAX)
  }

  take(item: Item, bytes: number): boolean {
    const isFull = this.#bytes + bytes > KV_REPLY_BYTES_MAX && this.items.length > 0
    if (isFull || this.items.length >= this.#limit) return false
    this.items.push(item)
    this.#bytes += bytes
    return true
  }
}

function understood(data: Uint8Array): KvCommand | undefined {
  try {
    return decodeKvCommand(data)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

function holds(condition: KvCondition, entry: KvEntry | undefined): boolean {
  switch (condition.type) {
    case 'absent':
      return entry === undefined
    case 'revision':
      return entry?.revision === condition.revision
    case 'value':
      return entry !== undefined && equals(entry.value, condition.value)
  }
}

/** UTF-16 units count for bytes: the bound is no promise to the byte, and the same everywhere. */
const bytesOf = (item: { key: string; value: Uint8Array | undefined } | undefined): number =>
  item === undefined ? 0 : item.key.length + (item.value?.length ?? 0)
