import { compare } from '../base/bytes.ts'
import type { FragmentIndex } from './fragment-index.ts'
import type { FragmentNames } from './fragment-names.ts'

const PAGE = 256

/** Where the store and the catalog disagree about one fragment. */
export interface Difference {
  readonly id: string
  /**
   * `missing`: listed, not here. `rotten`: listed, here, to be put again. `unlisted`: only here, as a
   * put is until it is listed: nothing to release before the catalog was asked about it anew.
   */
  readonly kind: 'missing' | 'rotten' | 'unlisted'
}

/**
 * Compares what the store holds with what the catalog says it should hold: the ids in ascending
 * order of their bytes, as they come. Holds one page at a time. What arrives or goes meanwhile may
 * or may not show.
 */
export async function* reconcile(
  index: FragmentIndex,
  names: FragmentNames,
  listed: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<Difference> {
  const held = heldFragments(index)
  let next = await held.next()
  for await (const id of listed) {
    const wanted = names.decode(id)
    while (next.done !== true && compare(next.value.id, wanted) < 0) {
      yield { id: names.encode(next.value.id), kind: 'unlisted' }
      next = await held.next()
    }
    if (next.done !== true && compare(next.value.id, wanted) === 0) {
      if (next.value.isRotten) yield { id, kind: 'rotten' }
      next = await held.next()
    } else yield { id, kind: 'missing' }
  }
  for (; next.done !== true; next = await held.next()) {
    yield { id: names.encode(next.value.id), kind: 'unlisted' }
  }
}

/** What is not being removed. */
async function* heldFragments(
  index: FragmentIndex,
): AsyncGenerator<{ id: Uint8Array; isRotten: boolean }, undefined> {
  let after = new Uint8Array(0)
  for (;;) {
    const page = await index.page(after, PAGE)
    for (const { id, record } of page) {
      if (record.references.length > 0) yield { id, isRotten: record.isRotten }
    }
    const last = page.at(-1)
    if (last === undefined) return undefined
    after = last.id.slice()
  }
}
