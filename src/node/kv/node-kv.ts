import type { KvCondition, KvEntry } from '../../consensus/kv-command.ts'
import type { KvChange } from '../../consensus/kv-question.ts'
import type { KvCallOptions, KvCas, KvClient, KvWriteAnswer } from './kv-client.ts'

export type { KvCondition, KvEntry, KvChange }

type Options = Partial<KvCallOptions>

/**
 * The replicated map of the network: its settings, and whatever else is small and must be agreed on.
 * Reads are no older than the call; each write takes effect at most once and ends in one of three
 * ways before its deadline: done; not done (`NO_QUORUM`, `BUSY`, `MAP_FULL`, …); or
 * `OUTCOME_UNKNOWN`.
 */
export interface NodeKv {
  get(key: string, options?: Options): Promise<KvEntry | undefined>
  /** Returns the revision it was written at. */
  put(key: string, value: Uint8Array, options?: Options): Promise<number>
  /** Writes if the condition holds: `written`, or `conflict` with what is there instead. */
  cas(change: KvCas, options?: Options): Promise<KvWriteAnswer>
  /** False if there was nothing. */
  delete(key: string, options?: Options): Promise<boolean>
  /** One page of the keys under a prefix, in order; `after` is the last key of the page before. */
  list(prefix: string, options?: Options & { readonly after?: string }): Promise<KvPage>
  /** One look at what changed under a prefix above revision `after`; see `watch`. */
  changes(prefix: string, after: number, options?: Options): Promise<KvChangePage>
  /** The revision up to which the map is now: where to watch from. */
  revision(options?: Options): Promise<number>
  /** Each change under a prefix above revision `after`, until the signal aborts. */
  watch(prefix: string, after: number, signal?: AbortSignal): AsyncGenerator<KvChange>
}

export interface KvPage {
  readonly entries: readonly KvEntry[]
  readonly isMore: boolean
}

export interface KvChangePage {
  readonly changes: readonly KvChange[]
  /** All there was up to this revision. */
  readonly through: number
}

/** The map of a peer that may be stopped, and started again with another client. */
export function nodeKv(client: () => KvClient): NodeKv {
  return {
    get: async (key, options) => client().get(key, options),
    put: async (key, value, options) => client().put(key, value, options),
    cas: async (change, options) => client().cas(change, options),
    delete: async (key, options) => client().delete(key, options),
    list: async (prefix, options) => client().list(prefix, options),
    changes: async (prefix, after, options) => client().changes(prefix, after, options),
    revision: async options => client().revision(options),
    watch: (prefix, after, signal) => client().watch(prefix, after, signal),
  }
}
