import { genesis } from '../../catalog/apply-ranges.ts'
import { apply, appliedOf } from '../../catalog/apply.ts'
import type { Position } from '../../catalog/position.ts'
import type { Result } from '../../catalog/results.ts'
import {
  type Answer,
  Draft,
  nameOf,
  type Program,
  type Read,
  type RowChange,
} from '../../catalog/rows.ts'
import { type Chunk, eraseRows, readChunk, restoreChunk } from '../../catalog/snapshot.ts'
import type { ApplyContext } from '../../catalog/workspace.ts'
import type { KeyRange, KeyValue, KeyValueEntry, KeyValueReader } from '../../storage/key-value.ts'
import { Turns } from '../../storage/turns.ts'

/**
 * Runs the catalog's programs over a key-value store that holds one or more groups.
 *
 * Entries are applied a turn at a time: each sees what those before it in the turn changed, and all
 * of it goes to the store as one batch, the applied indices with it. Each batch is synced: one that
 * is not may be lost although a later one is there, and such a state no log can mend. Questions see
 * what was written when they were asked, however long they take.
 */
export interface Entry {
  readonly bytes: Uint8Array
  readonly context: ApplyContext
}

/** Entries of one turn: more wait for the next. */
export const TURN_ENTRIES_MAX = 256
const ERASED_ROWS_MAX = 1_000
const WRITING = 'writing'

export class CatalogStore {
  readonly #keyValue: KeyValue
  /** Whatever writes, one after the other. */
  readonly #turns = new Turns()

  constructor(keyValue: KeyValue) {
    this.#keyValue = keyValue
  }

  /** Begins a group over nothing. */
  begin(group: number, range: { readonly lo: Position; readonly hi: Position }): Promise<void> {
    return this.#turns.take(WRITING, () => this.#write(genesis(group, range)))
  }

  /** Applies entries in their order; resolves once all can be asked for. */
  async apply(entries: readonly Entry[]): Promise<Result[]> {
    const results: Result[] = []
    for (let at = 0; at < entries.length; at += TURN_ENTRIES_MAX) {
      const turn = entries.slice(at, at + TURN_ENTRIES_MAX)
      results.push(...(await this.#turns.take(WRITING, () => this.#applyTurn(turn))))
    }
    return results
  }

  /** The index of the last entry of a group whose changes are here. */
  applied(group: number): Promise<number> {
    return this.ask(appliedOf(group))
  }

  async ask<Value>(program: Program<Value>): Promise<Value> {
    const view = this.#keyValue.view()
    try {
      return await run(program, view)
    } finally {
      await view.close()
    }
  }

  /** A group's state as of now, chunk by chunk, whatever is applied meanwhile. */
  async *snapshot(group: number): AsyncGenerator<Chunk, undefined> {
    const view = this.#keyValue.view()
    try {
      return yield* chunksIn(view, group)
    } finally {
      await view.close()
    }
  }

  /** Removes a group and all that lies in its range. */
  erase(group: number): Promise<void> {
    return this.#turns.take(WRITING, async () => {
      for (;;) {
        const changes = await run(eraseRows(group, ERASED_ROWS_MAX), this.#keyValue)
        if (changes.length === 0) return
        await this.#write(changes)
      }
    })
  }

  /**
   * Puts a chunk in place behind those before it; the group must have been erased before the first.
   * Returns the key to ask for the next one by; undefined after the last.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`: ask for it again
   */
  restore(
    group: number,
    chunk: Uint8Array,
    after: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    return this.#turns.take(WRITING, async () => {
      const { changes, next } = restoreChunk(chunk, { group, after })
      await this.#write(changes)
      return next
    })
  }

  /** What is to become one batch. Nothing else may change what it reads meanwhile. */
  turn(): Turn {
    return new Turn(this.#keyValue)
  }

  async #applyTurn(entries: readonly Entry[]): Promise<Result[]> {
    const turn = this.turn()
    const results: Result[] = []
    for (const entry of entries) results.push(await turn.apply(entry))
    await this.#write(turn.changes)
    return results
  }

  #write(changes: readonly RowChange[]): Promise<void> {
    return this.#keyValue.batch(changes, { sync: true })
  }
}

/** Entries that are applied together: each sees what those before it changed. */
export class Turn {
  readonly #reader: KeyValueReader
  readonly #changed = new Draft()

  constructor(reader: KeyValueReader) {
    this.#reader = remembering(reader)
  }

  /** All that was changed so far. */
  get changes(): readonly RowChange[] {
    return this.#changed.changes
  }

  async apply({ bytes, context }: Entry): Promise<Result> {
    const { result, changes } = await run(apply(bytes, context), this.#reader, this.#changed)
    for (const { key, value } of changes) {
      if (value === undefined) this.#changed.remove(key)
      else this.#changed.put(key, value)
    }
    return result
  }

  /** Answers from the state as the entries so far have left it. */
  ask<Value>(program: Program<Value>): Promise<Value> {
    return run(program, this.#reader, this.#changed)
  }
}

/** A group's state, chunk by chunk. */
export async function* chunksIn(
  reader: KeyValueReader,
  group: number,
): AsyncGenerator<Chunk, undefined> {
  let after: Uint8Array | undefined
  do {
    const chunk: Chunk = await run(readChunk(group, after), reader)
    yield chunk
    after = chunk.next
  } while (after !== undefined)
  return undefined
}

/** Runs a program to its end; with `changed` over what a turn has changed so far. */
async function run<Value>(
  program: Program<Value>,
  reader: KeyValueReader,
  changed?: Draft,
): Promise<Value> {
  let step = program.next()
  while (step.done !== true) {
    const read = step.value
    const answer =
      changed === undefined
        ? await answerOf(read, reader)
        : await run<Answer>(readOver(changed, read), reader)
    step = program.next(answer)
  }
  return step.value
}

/**
 * Reads every row once: nothing else writes while a turn is under way, and its entries ask for the
 * same few rows again and again. Bounded by what the entries of one turn can ask for.
 */
function remembering(reader: KeyValueReader): KeyValueReader {
  const rows = new Map<string, Promise<Uint8Array<ArrayBuffer> | undefined>>()
  return {
    get: key => {
      const name = nameOf(key)
      const known = rows.get(name) ?? reader.get(key)
      rows.set(name, known)
      return known
    },
    page: range => wholePage(reader, range),
  }
}

const readOver = (changed: Draft, read: Read): Program<Answer> =>
  read.type === 'get' ? changed.get(read.key) : changed.page(read.range)

const answerOf = (read: Read, reader: KeyValueReader): Promise<Answer> =>
  read.type === 'get' ? reader.get(read.key) : wholePage(reader, read.range)

/** As many rows as were asked for, if there are so many: every replica must see the same ones. */
async function wholePage(
  reader: KeyValueReader,
  { after, before, limit }: KeyRange,
): Promise<KeyValueEntry[]> {
  const rows: KeyValueEntry[] = []
  for (let from = after; rows.length < limit;) {
    const part = await reader.page({ after: from, before, limit: limit - rows.length })
    const last = part.at(-1)
    if (last === undefined) break
    rows.push(...part)
    from = last.key
  }
  return rows
}
