import type { PeerId } from '../../base/environment.ts'
import type { KnownVersions, MachineWord, StateMark } from './machine-talk.ts'

/** What is to be done about a replica whose state was compared with others. */
export type Verdict =
  | { readonly type: 'fine' }
  /** Somebody has another state at the same entry; `mustStop` if it may be this replica that errs. */
  | {
      readonly type: 'diverged'
      readonly index: number
      readonly own: string
      readonly peers: readonly PeerId[]
      readonly mustStop: boolean
    }

/**
 * What is known of others that have, or could have, a replica of one machine.
 *
 * Equal logs make equal states, so two replicas that differ at one entry mean that a reducer is not
 * deterministic, that programs differ under one version, or that memory lies. Whoever is not of a
 * majority's opinion stops; where there is no majority for anything, everybody does, for nobody knows
 * who is right.
 */
export class MachineCensus {
  readonly #versions = new Map<PeerId, KnownVersions>()
  readonly #unable = new Set<PeerId>()
  readonly #agrees = new Map<PeerId, boolean>()

  /** Whether a peer is known to have a program that can apply the version in force. */
  isAble(peer: PeerId, inForce: number): boolean {
    const known = this.#versions.get(peer)
    if (known === undefined || this.#unable.has(peer)) return false
    return inForce === 0 || (known.oldest <= inForce && inForce <= known.version)
  }

  /** The newest that its program knows; undefined until it was heard. */
  versionOf(peer: PeerId): number | undefined {
    return this.#versions.get(peer)?.version
  }

  /** @param hashes of the states here, by index */
  heard(
    peer: PeerId,
    word: MachineWord,
    hashes: ReadonlyMap<number, string>,
  ): StateMark | undefined {
    if (word.can === 'no') {
      this.#unable.add(peer)
      this.#agrees.delete(peer)
      return undefined
    }
    this.#unable.delete(peer)
    this.#versions.set(peer, word)
    const own = word.mark && hashes.get(word.mark.index)
    if (word.mark === undefined || own === undefined) return undefined
    this.#agrees.set(peer, own === word.mark.hash)
    return own === word.mark.hash ? undefined : word.mark
  }

  /** @param others the other voters */
  verdict(others: readonly PeerId[], own: StateMark): Verdict {
    const contradicting = others.filter(peer => this.#agrees.get(peer) === false)
    if (contradicting.length === 0) return { type: 'fine' }
    const agreeing = others.filter(peer => this.#agrees.get(peer) === true)
    const silent = others.length - contradicting.length - agreeing.length
    const majority = Math.floor((others.length + 1) / 2) + 1
    const isOutvoted = contradicting.length >= majority
    const isOfMajority = agreeing.length + 1 >= majority
    const mustStop = isOutvoted || (!isOfMajority && silent === 0)
    return {
      type: 'diverged',
      index: own.index,
      own: own.hash,
      peers: contradicting,
      mustStop,
    }
  }
}
