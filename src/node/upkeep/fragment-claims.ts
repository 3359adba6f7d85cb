/**
 * Whether the catalog lists a fragment under a peer: asked before that peer drops it. Where the
 * answer is no, whatever is on its way to list it has been made to fail (`disown`). A fragment of a
 * write that is still open is neither: it is asked about again later.
 *
 * What belongs where, only the sealed header says; a peer without the network's key has somebody
 * ask who can read it.
 */
import { HoldfastError } from '../../base/errors.ts'
import type { SegmentName } from '../../catalog/commands.ts'
import type { FragmentReference } from '../../storage/fragment-record.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { decodeReference, type SegmentReference } from '../fragments/fragment-reference.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'

/** A fragment as its holder knows it. */
export type Claim = Pick<FragmentReference, 'segment' | 'index' | 'sealed'>

export interface FragmentClaimsOptions {
  readonly catalog: Catalog
  /** Undefined where the network's key is not known. */
  readonly seal: OriginSeal | undefined
  /** Asks the others, one after the other. */
  readonly askOthers: (claim: Claim, isWeak: boolean, signal?: AbortSignal) => Promise<boolean>
}

const CALL_MS = 10_000

export class FragmentClaims {
  readonly #options: FragmentClaimsOptions

  constructor(options: FragmentClaimsOptions) {
    this.#options = options
  }

  get canRead(): boolean {
    return this.#options.seal !== undefined
  }

  /**
   * @param isWeak only looks, and makes nothing fail: not good enough to drop anything
   * @throws {HoldfastError} where that cannot be told now
   */
  isListed(
    claim: Claim,
    seat: number,
    { isWeak, signal }: { readonly isWeak: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const { seal, askOthers } = this.#options
    if (seal === undefined) return askOthers(claim, isWeak, signal)
    return this.#ask(claim, seat, { isWeak, signal })
  }

  /** Where a fragment belongs. @throws {HoldfastError} `CORRUPT`, `MALFORMED` */
  nameOf({ segment, sealed }: Claim): SegmentName & SegmentReference {
    const { seal } = this.#options
    if (seal === undefined) throw unreadable()
    const { bucket, key } = seal.open(sealed)
    return { bucket, key, ...decodeReference(segment) }
  }

  async #ask(
    claim: Claim,
    seat: number,
    { isWeak, signal }: { readonly isWeak: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const { catalog } = this.#options
    const { generation, ...name } = this.nameOf(claim)
    const call = { deadlineMs: CALL_MS, signal }
    const consistency = isWeak ? 'stale' : 'linearizable'
    const asked = { ...name, first: name.segment, count: 1 }
    const [record] = await catalog.ask('segments', asked, { ...call, consistency })
    const { index } = claim
    if (record?.generation === generation && record.fragments[index]?.seat === seat) return true
    if (isWeak) return false
    const command = { type: 'disown', ...name, generation, index, seat } as const
    const applied = await catalog.propose(command, call)
    const state = applied.type === 'content' ? applied.state : 'open'
    if (state === 'open') throw stillOpen()
    return state === 'kept'
  }
}

const unreadable = (): HoldfastError =>
  new HoldfastError('Cannot read where a fragment belongs: this peer has no key', {
    code: 'CORRUPT',
    what: 'origin of a fragment',
  })

const stillOpen = (): HoldfastError =>
  new HoldfastError('Cannot drop a fragment: it is being written', {
    code: 'BUSY',
    what: 'open content',
  })
