import { toHex } from '../../base/bytes.ts'
import type { ContentName } from '../../catalog/records.ts'
import { type FragmentStanding, noStanding } from '../upkeep/standing.ts'

/** Asks what is known of a content's fragments beyond where they are. */
export type StandingOf = (name: ContentName, signal?: AbortSignal) => Promise<FragmentStanding>

/** What of it is about one segment. */
export interface SegmentStanding {
  readonly verified: (index: number, seat: number) => Date | undefined
  readonly isRepairing: (index: number) => boolean
}

/** An object that was put together of more contents is not asked about to the end. */
const CONTENTS_MAX = 8

/** What is known of the segments of one object: each content is asked about once. */
export class Standings {
  readonly #ask: StandingOf | undefined
  readonly #known = new Map<string, Indexed>()

  constructor(ask: StandingOf | undefined) {
    this.#ask = ask
  }

  async of(
    { source, blob }: { readonly source: ContentName; readonly blob: Uint8Array },
    segment: number,
    signal: AbortSignal | undefined,
  ): Promise<SegmentStanding> {
    const { verified, repairing } = await this.#find(source, signal)
    const name = `${toHex(blob)}/${segment}`
    return {
      verified: (index, seat) => verified.get(`${name}/${index} ${seat}`),
      isRepairing: index => repairing.has(`${name}/${index}`),
    }
  }

  async #find(source: ContentName, signal: AbortSignal | undefined): Promise<Indexed> {
    const name = toHex(source.content)
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const isAsked = this.#known.size < CONTENTS_MAX
    const standing = isAsked ? await this.#ask?.(source, signal) : undefined
    const indexed = indexOf(standing ?? noStanding)
    this.#known.set(name, indexed)
    return indexed
  }
}

/** By blob, segment and index; what was verified also by who had it then. */
interface Indexed {
  readonly verified: ReadonlyMap<string, Date>
  readonly repairing: ReadonlySet<string>
}

const indexOf = ({ verified, repairing }: FragmentStanding): Indexed => ({
  verified: new Map(
    verified.map(({ blob, segment, index, seat, atMs }) => [
      `${blob}/${segment}/${index} ${seat}`,
      new Date(atMs),
    ]),
  ),
  repairing: new Set(repairing.map(({ blob, segment, index }) => `${blob}/${segment}/${index}`)),
})
