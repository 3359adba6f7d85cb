import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import type { Environment, PeerId, Timer } from '../base/environment.ts'
import { malformed } from './failures.ts'
import {
  type GroupLocator,
  LOCATOR_LIFE_MS_MAX,
  readLocator,
  signLocator,
} from './group-locator.ts'
import type { Identity } from './identity.ts'
import type { Node } from './libp2p-node.ts'
import { LOCATORS_MAX, LOOKUP_MS } from './limits.ts'
import type { Refusals } from './refusals.ts'

const PREFIX = '/group/'
/** Kademlia neither repeats nor forgets what was put, so we do both. */
const REPEAT_MS = 600_000
/** Groups whose newest epoch is remembered. */
const EPOCHS_MAX = 4_096
/** What a clock may be off. */
const SKEW_MS = 300_000

export interface LocatorsOptions {
  readonly identity: Identity
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly refusals: Refusals
  /** May this peer say where groups are served? */
  readonly mayLocate: (peer: PeerId) => boolean
}

interface Published {
  readonly epoch: number
  readonly voters: readonly PeerId[]
  timer: Timer | undefined
}

/** Group locators in Kademlia: published, repeated, checked, resolved. */
export class Locators {
  readonly #options: LocatorsOptions
  readonly #published = new Map<string, Published>()
  /** The newest locator of each group that came by, and the last time it can be believed. */
  readonly #newest = new Map<string, { readonly epoch: number; readonly expiresAtMs: number }>()

  constructor(options: LocatorsOptions) {
    this.#options = options
  }

  /** Kademlia asks before it stores a record or believes one. Throws for what is not to be believed. */
  readonly validate = async (key: Uint8Array, value: Uint8Array): Promise<void> => {
    try {
      this.#check(toUtf8(key).slice(PREFIX.length), value)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.refusals.refuse('bad-locator', undefined, reason)
      throw error
    }
  }

  /** Of records that were all validated, the one of the highest epoch; of those the longest-lived. */
  readonly select = (_key: Uint8Array, values: Uint8Array[]): number => {
    const locators = values.map(readLocator)
    return locators.reduce(
      (best, locator, at) => (isNewer(locator, locators[best] as GroupLocator) ? at : best),
      0,
    )
  }

  async publish(
    node: Node,
    { group, epoch, voters }: Pick<GroupLocator, 'group' | 'epoch' | 'voters'>,
  ): Promise<void> {
    this.withdraw(group)
    if (this.#published.size >= LOCATORS_MAX) {
      throw new RangeError(`a peer publishes at most ${LOCATORS_MAX} locators`)
    }
    const published: Published = { epoch, voters, timer: undefined }
    this.#published.set(group, published)
    this.#repeat(node, group, published)
    await this.#put(node, group, published)
  }

  withdraw(group: string): void {
    this.#published.get(group)?.timer?.cancel()
    this.#published.delete(group)
  }

  async resolve(
    node: Node,
    group: string,
    signal?: AbortSignal,
  ): Promise<GroupLocator | undefined> {
    let best: GroupLocator | undefined
    const deadline = AbortSignal.timeout(LOOKUP_MS)
    const both = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
    try {
      for await (const event of node.services.dht.get(keyOf(group), { signal: both })) {
        if (event.name !== 'VALUE') continue
        const locator = this.#read(group, event.value)
        if (locator !== undefined && (best === undefined || isNewer(locator, best))) best = locator
      }
    } catch {
      // Not found, or not by everybody asked: the best so far is the answer.
      signal?.throwIfAborted()
    }
    return best
  }

  stop(): void {
    for (const group of this.#published.keys()) this.withdraw(group)
  }

  #read(group: string, bytes: Uint8Array): GroupLocator | undefined {
    try {
      return this.#check(group, bytes)
    } catch {
      return undefined
    }
  }

  #check(group: string, bytes: Uint8Array): GroupLocator {
    const locator = readLocator(bytes)
    if (locator.group !== group) throw malformed('group locator: it is of another group')
    const leftMs = locator.expiresAtMs - this.#wallMs()
    if (leftMs < -SKEW_MS) throw malformed('group locator: it has expired')
    if (leftMs > LOCATOR_LIFE_MS_MAX + SKEW_MS) throw malformed('group locator: it lives too long')
    if (!this.#options.mayLocate(locator.signer)) {
      throw malformed('group locator: its signer is nobody here')
    }
    this.#checkEpoch(locator)
    return locator
  }

  /**
   * Kademlia stores whatever was put last, so a voter that repeats what is no longer so would undo
   * what its successor said. Hence an epoch, once seen, rules out those before it until it expires.
   */
  #checkEpoch({ group, epoch, expiresAtMs }: GroupLocator): void {
    const newest = this.#newest.get(group)
    const isBinding = newest !== undefined && newest.expiresAtMs > this.#wallMs()
    if (isBinding && newest.epoch > epoch) throw malformed('group locator: it is outdated')
    if (newest === undefined) this.#makeRoom()
    this.#newest.set(group, { epoch, expiresAtMs })
  }

  /** What Kademlia stores it never forgets, so the number of groups bounds it. */
  #makeRoom(): void {
    if (this.#newest.size < EPOCHS_MAX) return
    for (const [group, { expiresAtMs }] of this.#newest) {
      if (expiresAtMs < this.#wallMs()) this.#newest.delete(group)
    }
    if (this.#newest.size >= EPOCHS_MAX) throw malformed('group locator: there are too many groups')
  }

  #wallMs(): number {
    return this.#options.environment.clock.wallMs()
  }

  #repeat(node: Node, group: string, published: Published): void {
    const { timers, random } = this.#options.environment
    published.timer = timers.after(REPEAT_MS * (0.8 + 0.4 * random.float()), () => {
      this.#repeat(node, group, published)
      void this.#put(node, group, published)
    })
  }

  async #put(node: Node, group: string, { epoch, voters }: Published): Promise<void> {
    const { identity, environment } = this.#options
    const expiresAtMs = Math.floor(environment.clock.wallMs()) + LOCATOR_LIFE_MS_MAX
    const bytes = signLocator(identity, { group, epoch, voters, expiresAtMs })
    try {
      const signal = AbortSignal.timeout(LOOKUP_MS)
      for await (const event of node.services.dht.put(keyOf(group), bytes, { signal })) void event
    } catch {
      // The record is here at least, and will be put again.
    }
  }
}

const keyOf = (group: string): Uint8Array => fromUtf8(PREFIX + group)

const isNewer = (a: GroupLocator, b: GroupLocator): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.expiresAtMs > b.expiresAtMs)
