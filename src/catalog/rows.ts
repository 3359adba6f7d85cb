import { compare } from '../base/bytes.ts'

/**
 * The ordered key-value seam. The catalog never waits: where it needs a row it yields what it wants
 * to read and is handed the answer, so that the same code runs over a map at once and over a disk
 * whenever the disk answers. It never writes either: what a command changes comes out as one list,
 * for the host to write as one atomic batch.
 *
 * The types fit `src/storage/key-value.ts`; keys compare byte by byte, a prefix first.
 */
export type Read =
  | { readonly type: 'get'; readonly key: Uint8Array }
  | { readonly type: 'page'; readonly range: RowRange }

/** Keys above `after` and below `before`, the first `limit` of them. */
export interface RowRange {
  readonly after: Uint8Array
  readonly before: Uint8Array
  readonly limit: number
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Sets a row, or removes it where the value is undefined. */
export interface RowChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** To `get` the value or undefined; to `page` the rows in ascending order. */
export type Answer = Uint8Array | undefined | readonly Row[]

/** Something that reads rows and comes to a result. Reads see one state throughout. */
export type Program<Result> = Generator<Read, Result, Answer>

/** Where a program reads. */
export interface Rows {
  get(key: Uint8Array): Program<Uint8Array | undefined>
  page(range: RowRange): Program<readonly Row[]>
}

/** What is stored, as it is. */
export const stored: Rows = {
  *get(key) {
    return (yield { type: 'get', key }) as Uint8Array | undefined
  },
  *page(range) {
    return (yield { type: 'page', range }) as readonly Row[]
  },
}

/** What is stored with the changes of one command on top; nobody else sees them yet. */
export class Draft implements Rows {
  readonly #changes = new Map<string, RowChange>()
  readonly #below: Rows

  constructor(below: Rows = stored) {
    this.#below = below
  }

  /** Each row once, in the order in which it was first changed. */
  get changes(): RowChange[] {
    return [...this.#changes.values()]
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#changes.set(nameOf(key), { key, value })
  }

  remove(key: Uint8Array): void {
    this.#changes.set(nameOf(key), { key, value: undefined })
  }

  *get(key: Uint8Array): Program<Uint8Array | undefined> {
    const change = this.#changes.get(nameOf(key))
    return change === undefined ? yield* this.#below.get(key) : change.value
  }

  *page({ after, before, limit }: RowRange): Program<readonly Row[]> {
    const drafted = this.changes
      .filter(({ key }) => compare(key, after) > 0 && compare(key, before) < 0)
      .toSorted((a, b) => compare(a.key, b.key))
    if (drafted.length === 0) return yield* this.#below.page({ after, before, limit })
    // Each drafted change hides at most one stored row.
    const more = { after, before, limit: limit + drafted.length }
    const below = yield* this.#below.page(more)
    const isCut = below.length === more.limit
    const last = below.at(-1)?.key
    return merged(below, drafted)
      .filter(({ key }) => !isCut || last === undefined || compare(key, last) <= 0)
      .slice(0, limit)
  }
}

/** Both in ascending order; the drafted one counts where they have the same key. */
function merged(below: readonly Row[], drafted: readonly RowChange[]): Row[] {
  const rows: Row[] = []
  let next = 0
  const takeDrafted = (until: Uint8Array | undefined): void => {
    for (let change = drafted[next]; change !== undefined; change = drafted[++next]) {
      if (until !== undefined && compare(change.key, until) > 0) return
      if (change.value !== undefined) rows.push({ key: change.key, value: change.value })
    }
  }
  const hidden = new Set(drafted.map(({ key }) => nameOf(key)))
  for (const row of below) {
    takeDrafted(row.key)
    if (!hidden.has(nameOf(row.key))) rows.push(row)
  }
  takeDrafted(undefined)
  return rows
}

/** Bytes as a key of a Map. */
export const nameOf = (key: Uint8Array): string =>
  String.fromCharCode.apply(undefined, key as unknown as number[])

const EMPTY = new Uint8Array(0)

/** Every row in a range, `pageRows` at a time: for what a command must see all of. */
export function* everyRow(
  rows: Rows,
  { after, before, pageRows }: { after: Uint8Array; before: Uint8Array; pageRows: number },
): Program<readonly Row[]> {
  const all: Row[] = []
  let from = after
  for (;;) {
    const page = yield* rows.page({ after: from, before, limit: pageRows })
    all.push(...page)
    if (page.length < pageRows) return all
    from = page.at(-1)?.key ?? EMPTY
  }
}
