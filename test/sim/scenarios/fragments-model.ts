import type { Random } from '../../../src/base/environment.ts'
import { fragmentOf, nameOf, type TestFragment } from '../../support/fragments.ts'
import { payloadOf } from './wal-model.ts'

/** Somebody's hold on a fragment, from its first put to its release. */
export interface Hold {
  readonly fragment: TestFragment
  readonly name: { readonly segment: Uint8Array; readonly index: number }
  /** Wall time until which the store has promised to keep it; for ever once the catalog lists it. */
  promisedUntilMs: number
  /** The catalog lists it. */
  isListed: boolean
  /** The store has acknowledged that the catalog lists it, and has reported nothing since. */
  isKept: boolean
  /** The store may keep it although nobody wants it: the outcome of a release is unknown. */
  isDoubtful: boolean
  /** A writer works on it. */
  isBusy: boolean
}

export const isPromised = (hold: Hold, nowMs: number): boolean => hold.promisedUntilMs > nowMs

/** What the store has promised, and what befell it. Slow and obvious on purpose. */
export class FragmentsModel {
  readonly fragments: readonly TestFragment[]
  readonly holds: Hold[] = []
  /** Ids of which something may have rotted since they were last stored. */
  readonly rotten: Set<string> = new Set()
  readonly #byId: ReadonlyMap<string, TestFragment>
  #lastSegment = 0

  constructor(
    random: Random,
    count: number,
    { cellBytes, cellsMax }: { cellBytes: number; cellsMax: number },
  ) {
    this.fragments = Array.from({ length: count }, (_, at) => {
      const lanes = cellBytes / 64
      const most = random.chance(0.5) ? lanes : lanes * cellsMax
      return fragmentOf(payloadOf(at + 1, 64 * (1 + random.below(most))), cellBytes)
    })
    this.#byId = new Map(this.fragments.map(fragment => [fragment.id, fragment]))
  }

  fragment(id: string): TestFragment | undefined {
    return this.#byId.get(id)
  }

  newHold(fragment: TestFragment, index: number): Hold {
    const hold: Hold = {
      fragment,
      name: nameOf(++this.#lastSegment, index),
      promisedUntilMs: Number.NEGATIVE_INFINITY,
      isListed: false,
      isKept: false,
      isDoubtful: false,
      isBusy: false,
    }
    this.holds.push(hold)
    return hold
  }

  /** Whether the catalog lists this reference. */
  isListed(id: string, { segment, index }: { segment: Uint8Array; index: number }): boolean {
    const text = segment.join()
    return this.holds.some(
      hold =>
        hold.isListed &&
        hold.fragment.id === id &&
        hold.name.index === index &&
        hold.name.segment.join() === text,
    )
  }

  /** Whether the store must have the fragment. */
  isPromised(id: string, nowMs: number): boolean {
    if (this.rotten.has(id)) return false
    return this.holds.some(hold => hold.fragment.id === id && isPromised(hold, nowMs))
  }

  /** Whether the fragment may go only with a word, whatever has rotted. */
  isKept(id: string): boolean {
    return this.holds.some(hold => hold.isKept && hold.fragment.id === id)
  }

  /** Something of the fragment has rotted: all promises about it are off. */
  void(id: string): void {
    this.rotten.add(id)
    for (const hold of this.holds) {
      if (hold.fragment.id !== id || hold.promisedUntilMs === Number.NEGATIVE_INFINITY) continue
      hold.promisedUntilMs = Number.NEGATIVE_INFINITY
      hold.isListed = false
      hold.isDoubtful = true
    }
  }
}
