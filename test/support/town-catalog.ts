import type { Environment, Random } from '../../src/base/environment.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/waiting.ts'
import type { SegmentName } from '../../src/catalog/commands.ts'
import type { Fragment } from '../../src/catalog/records.ts'
import type {
  Applied,
  Catalog,
  CatalogCall,
  GroupCommand,
  GroupQuestion,
  GroupQuestions,
  PlacedCommand,
  PlacedQuestion,
  PlacedQuestions,
} from '../../src/node/catalog/catalog.ts'
import type { LocalCatalog } from './local-catalog.ts'

/** The only group there is. */
export const TOWN_GROUP = 1

/** What a leader of the real catalog may be troubled by, per call. */
export interface CatalogFaults {
  /** Not done. */
  refused: number
  /** Done, but nobody says so. */
  unanswered: number
}

/** Told of each fragment that was just listed under a peer. */
export type CatalogWatch = (listed: {
  readonly name: SegmentName
  readonly index: number
  readonly fragment: Fragment
}) => Promise<void>

export interface TownCatalogOptions {
  readonly environment: Environment
  readonly faults: CatalogFaults
  readonly leads: () => boolean
  readonly onListed: CatalogWatch
  readonly listeners: Set<() => void>
}

/** The agreed catalog as one process reaches it: after a while, if at all. */
export class TownCatalog implements Catalog {
  readonly #catalog: LocalCatalog
  readonly #options: TownCatalogOptions
  readonly #random: Random

  constructor(catalog: LocalCatalog, options: TownCatalogOptions) {
    this.#catalog = catalog
    this.#options = options
    this.#random = options.environment.random.fork('catalog')
  }

  propose(command: PlacedCommand, call: CatalogCall = {}): Promise<Applied> {
    return this.#call(call, async () => {
      if (command.type !== 'recut') return this.#catalog.propose(command)
      const applied = await this.#catalog.propose(command)
      for (const [index, fragment] of command.fragments.entries()) {
        await this.#options.onListed({ name: command, index, fragment })
      }
      return applied
    })
  }

  ask<Type extends PlacedQuestion>(
    type: Type,
    asked: PlacedQuestions[Type]['asked'],
    call: CatalogCall = {},
  ): Promise<PlacedQuestions[Type]['answer']> {
    return this.#call(call, () => this.#catalog.ask(type, asked))
  }

  listObjects: Catalog['listObjects'] = options => this.#catalog.listObjects(options)
  listVersions: Catalog['listVersions'] = options => this.#catalog.listVersions(options)
  listUploads: Catalog['listUploads'] = (...asked) => this.#catalog.listUploads(...asked)
  listBuckets: Catalog['listBuckets'] = options => this.#catalog.listBuckets(options)
  usage: Catalog['usage'] = bucket => this.#catalog.usage(bucket)

  groups(call: CatalogCall = {}): Promise<readonly number[]> {
    return this.#call(call, () => this.#catalog.groups())
  }

  groupOf(_: object, call: CatalogCall = {}): Promise<number> {
    return this.#call(call, () => this.#catalog.groupOf())
  }

  led(): readonly number[] {
    return this.#options.leads() ? [TOWN_GROUP] : []
  }

  onLed(listener: () => void): () => void {
    this.#options.listeners.add(listener)
    return () => this.#options.listeners.delete(listener)
  }

  proposeTo(group: number, command: GroupCommand, call: CatalogCall = {}): Promise<Applied> {
    return this.#call(call, async () => {
      this.#demandLed(group)
      const applied = await this.#catalog.proposeTo(group, command)
      for (const { index, fragment, ...name } of command.type === 'place'
        ? command.placements
        : []) {
        await this.#options.onListed({ name, index, fragment })
      }
      return applied
    })
  }

  askOf<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    call: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    return this.#call(call, () => {
      this.#demandLed(group)
      return this.#catalog.askOf(group, type, asked)
    })
  }

  askGroup<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    call: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    return this.#call(call, () => this.#catalog.askGroup(group, type, asked))
  }

  async #call<Result>({ signal }: CatalogCall, work: () => Promise<Result>): Promise<Result> {
    const { environment, faults } = this.#options
    const { timers } = environment
    await sleep(timers, this.#random.exponential(2), signal)
    if (this.#random.chance(faults.refused)) throw noQuorum()
    const outcome = await work().then(
      value => ({ value }),
      (error: unknown) => ({ error }),
    )
    // Whatever comes of it, a process that is gone never learns.
    await sleep(timers, this.#random.exponential(2), signal)
    if (this.#random.chance(faults.unanswered)) throw unknown()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  #demandLed(group: number): void {
    if (this.#options.leads()) return
    const details = { code: 'NOT_LEADER', group } as const
    throw new HoldfastError('Cannot lead: another peer does', details)
  }
}

const noQuorum = (): HoldfastError =>
  new HoldfastError('No majority', { code: 'NO_QUORUM', group: TOWN_GROUP, afterMs: 1 })

const unknown = (): HoldfastError =>
  new HoldfastError('Nobody knows', {
    code: 'OUTCOME_UNKNOWN',
    group: TOWN_GROUP,
    reason: 'silence',
  })
