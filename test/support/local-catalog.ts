import { HoldfastError } from '../../src/base/errors.ts'
import type { Command } from '../../src/catalog/commands.ts'
import type {
  ListOptions,
  ObjectList,
  VersionList,
  VersionListOptions,
} from '../../src/catalog/query-objects.ts'
import type { Page, PageOptions, WatchedContent } from '../../src/catalog/query-upkeep.ts'
import type { Usage } from '../../src/catalog/records.ts'
import { errorOf } from '../../src/catalog/refusals.ts'
import { CatalogStore } from '../../src/node/catalog/catalog-store.ts'
import type {
  Applied,
  BucketEntry,
  Catalog,
  CatalogCall,
  GroupCommand,
  GroupQuestion,
  GroupQuestions,
  PlacedCommand,
  PlacedQuestion,
  PlacedQuestions,
} from '../../src/node/catalog/catalog.ts'
import { placeOf, proposalBytes } from '../../src/node/catalog/places.ts'
import {
  type AnswerOf,
  type AskedOf,
  programOf,
  type QuestionType,
} from '../../src/node/catalog/questions.ts'
import type { KeyValue } from '../../src/storage/key-value.ts'
import { MemoryKeyValue } from './memory-key-value.ts'

export interface LocalCatalogOptions {
  /** @default one in memory */
  readonly keyValue?: KeyValue
  /** What commands are stamped with, milliseconds since 1970. */
  readonly wallMs: () => number
}

const GROUP = 1
const EPOCH = 1
const EVERYTHING = { lo: new Uint8Array(0), hi: new Uint8Array(0) }

/**
 * The catalog of a network of one: the rows, the commands and the refusals are the real ones, but
 * there is no log. One group covers everything and is led here, unless `isLed` says otherwise.
 */
export class LocalCatalog implements Catalog {
  readonly #store: CatalogStore
  readonly #wallMs: () => number
  readonly #listeners = new Set<() => void>()
  #index: number
  #stamp = { ms: 0, count: 0 }
  #isLed = true

  static async open({ keyValue, wallMs }: LocalCatalogOptions): Promise<LocalCatalog> {
    const store = new CatalogStore(keyValue ?? new MemoryKeyValue())
    const index = await store.applied(GROUP)
    if (index === 0) await store.begin(GROUP, EVERYTHING)
    return new LocalCatalog(store, index, wallMs)
  }

  private constructor(store: CatalogStore, index: number, wallMs: () => number) {
    this.#store = store
    this.#index = index
    this.#wallMs = wallMs
  }

  /** Somebody else leads the group, or this peer again. */
  set isLed(isLed: boolean) {
    this.#isLed = isLed
    for (const listener of this.#listeners) listener()
  }

  async propose(command: PlacedCommand, { signal }: CatalogCall = {}): Promise<Applied> {
    placeOf(command)
    return this.#apply(command, signal)
  }

  async ask<Type extends PlacedQuestion>(
    type: Type,
    asked: PlacedQuestions[Type]['asked'],
    { signal }: CatalogCall = {},
  ): Promise<PlacedQuestions[Type]['answer']> {
    placeOf(asked)
    return this.#answer(type, asked, signal)
  }

  listObjects(options: ListOptions, { signal }: CatalogCall = {}): Promise<ObjectList> {
    return this.#answer('listObjects', options, signal)
  }

  listVersions(options: VersionListOptions, { signal }: CatalogCall = {}): Promise<VersionList> {
    return this.#answer('listVersions', options, signal)
  }

  listUploads(
    bucket: string,
    options: PageOptions,
    { signal }: CatalogCall = {},
  ): Promise<Page<WatchedContent>> {
    return this.#answer('listUploads', { bucket, ...options }, signal)
  }

  listBuckets(
    options: AskedOf<'listBuckets'>,
    { signal }: CatalogCall = {},
  ): Promise<readonly BucketEntry[]> {
    return this.#answer('listBuckets', options, signal)
  }

  usage(bucket: string, { signal }: CatalogCall = {}): Promise<Usage> {
    return this.#answer('usage', { bucket }, signal)
  }

  async groups(): Promise<readonly number[]> {
    return [GROUP]
  }

  async groupOf(): Promise<number> {
    return GROUP
  }

  led(): readonly number[] {
    return this.#isLed ? [GROUP] : []
  }

  onLed(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async proposeTo(
    group: number,
    command: GroupCommand,
    { signal }: CatalogCall = {},
  ): Promise<Applied> {
    this.#demandLed(group)
    return this.#apply(command, signal)
  }

  async askOf<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    { signal }: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    this.#demandLed(group)
    return this.#answer(type, asked, signal)
  }

  async askGroup<Type extends GroupQuestion>(
    _group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    { signal }: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    return this.#answer(type, asked, signal)
  }

  async #apply(command: Command, signal: AbortSignal | undefined): Promise<Applied> {
    signal?.throwIfAborted()
    const bytes = proposalBytes(EPOCH, command)
    const context = { group: GROUP, index: ++this.#index, stamp: this.#nextStamp() }
    const [result] = await this.#store.apply([{ bytes, context }])
    if (result === undefined) throw new Error('a command has a result')
    if (result.type === 'refused') throw errorOf(result.refusal)
    return result
  }

  #nextStamp(): { readonly ms: number; readonly count: number } {
    const ms = Math.floor(this.#wallMs())
    const isLater = ms > this.#stamp.ms
    this.#stamp = isLater ? { ms, count: 0 } : { ...this.#stamp, count: this.#stamp.count + 1 }
    return this.#stamp
  }

  async #answer<Type extends QuestionType>(
    type: Type,
    asked: AskedOf<Type>,
    signal: AbortSignal | undefined,
  ): Promise<AnswerOf<Type>> {
    signal?.throwIfAborted()
    const program = programOf({ group: GROUP, epoch: EPOCH }, type, asked)
    const answered = await this.#store.ask(program)
    if (answered.type === 'refused') throw errorOf(answered.refusal)
    return answered.value
  }

  #demandLed(group: number): void {
    if (this.#isLed && group === GROUP) return
    const details = { code: 'NOT_LEADER', group } as const
    throw new HoldfastError(`Cannot lead group ${group}: another peer does`, details)
  }
}
