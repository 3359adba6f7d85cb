import { type Signal, signal } from '@preact/signals'

import type { ObjectPage, ObjectRow } from '../../src/gateway/console/views/objects.ts'
import { encoded } from '../logic/route.ts'
import { type ApiError, get } from './client.ts'
import { asApiError } from './resource.ts'

export type Entry =
  | { readonly type: 'folder'; readonly name: string }
  | ({ readonly type: 'object' } & ObjectRow)

export interface ListingState {
  readonly entries: readonly Entry[]
  readonly isComplete: boolean
  readonly isReading: boolean
  readonly error: ApiError | undefined
}

const PAGE = 1000
/** Beyond this many nobody scrolls; a prefix finds them. */
const ENTRIES_MAX = 200_000

/** A folder, read as far as somebody scrolls. */
export class Listing {
  readonly state: Signal<ListingState> = signal<ListingState>(empty)
  readonly #path: string
  readonly #prefix: string
  #next: string | undefined
  #reading = new AbortController()

  constructor(bucket: string, prefix: string) {
    this.#path = `/api/v1/buckets/${encoded(bucket)}/objects`
    this.#prefix = prefix
  }

  /** Reads the next page, unless it is being read or there is none. */
  async more(): Promise<void> {
    const { isComplete, isReading, entries } = this.state.value
    if (isComplete || isReading || entries.length >= ENTRIES_MAX) return
    await this.#read(this.#next, entries)
  }

  /** Reads anew from the start, as much as was shown. */
  async again(): Promise<void> {
    this.#reading.abort()
    const wanted = this.state.value.entries.length
    await this.#read(undefined, [])
    while (this.state.value.entries.length < wanted && this.state.value.error === undefined) {
      if (this.state.value.isComplete) return
      await this.more()
    }
  }

  close(): void {
    this.#reading.abort()
  }

  async #read(after: string | undefined, before: readonly Entry[]): Promise<void> {
    const reading = new AbortController()
    this.#reading = reading
    this.state.value = { ...this.state.value, isReading: true }
    const query = { prefix: this.#prefix, delimiter: '/', limit: PAGE, after }
    try {
      const page = await get<ObjectPage>(this.#path, { query, signal: reading.signal })
      this.#next = page.next
      const entries = [...before, ...entriesOf(page)]
      const isComplete = page.next === undefined
      this.state.value = { entries, isComplete, isReading: false, error: undefined }
    } catch (cause) {
      if (reading.signal.aborted) return
      this.state.value = { ...this.state.value, isReading: false, error: asApiError(cause) }
    }
  }
}

const empty: ListingState = { entries: [], isComplete: false, isReading: false, error: undefined }

/** Folders and objects of a page, in the order of their names. */
function entriesOf({ objects, prefixes }: ObjectPage): readonly Entry[] {
  const folders = prefixes.map(name => ({ type: 'folder', name }) as const)
  return [...folders, ...objects.map(row => ({ type: 'object', ...row }) as const)]
}
