import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'

import type { UploadView, WrittenView } from '../../src/gateway/console/views/objects.ts'
import { encoded } from '../logic/route.ts'
import {
  isInParts,
  missingParts,
  type Part,
  partsOf,
  type PresentPart,
  uploadName,
} from '../logic/upload-plan.ts'
import { pathOf, request } from './client.ts'
import { asApiError } from './resource.ts'
import { send } from './send.ts'
import { rememberedUpload, rememberUpload } from './upload-memory.ts'

/**
 * Files on their way to the store. Two at a time, of each up to three parts at a time, so that one
 * slow part does not hold up the others. What failed or was paused goes on where it was, also after
 * the page was closed, once the same file is chosen again.
 */
export type UploadState = 'cancelled' | 'done' | 'failed' | 'paused' | 'running' | 'waiting'

const FILES_AT_ONCE = 2
const PARTS_AT_ONCE = 3
/** Of a part, when the peer or the way there fails for a moment. */
const ATTEMPTS_MAX = 4
const AGAIN_MS = 1000
/** Files in the list; more are refused, and that is said. */
export const QUEUE_MAX = 5000

export const uploads: Signal<readonly Upload[]> = signal<readonly Upload[]>([])
/** Counts what was stored, for those who list it. */
export const uploadsDone: Signal<number> = signal(0)

export class Upload {
  readonly bucket: string
  readonly key: string
  readonly file: File
  readonly state: Signal<UploadState> = signal<UploadState>('waiting')
  readonly problem: Signal<string> = signal('')
  readonly rate: Signal<number> = signal(0)
  readonly sent: ReadonlySignal<number>
  /** Bytes of each part that are on their way or there; part 0 is a whole file. */
  readonly #parts: Signal<ReadonlyMap<number, number>> = signal(new Map())
  #ending = new AbortController()
  #upload: string | undefined

  constructor(bucket: string, key: string, file: File) {
    this.bucket = bucket
    this.key = key
    this.file = file
    this.sent = computed(() => [...this.#parts.value.values()].reduce((sum, size) => sum + size, 0))
  }

  async run(): Promise<void> {
    this.#ending = new AbortController()
    this.state.value = 'running'
    this.problem.value = ''
    const startMs = performance.now()
    const before = this.sent.value
    const unwatch = this.sent.subscribe(sent => {
      const seconds = (performance.now() - startMs) / 1000
      if (seconds > 0.5) this.rate.value = (sent - before) / seconds
    })
    try {
      if (isInParts(this.file.size)) await this.#sendParts()
      else await this.#sendWhole()
      this.state.value = 'done'
      uploadsDone.value++
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#fail(error)
    }
    unwatch()
  }

  /** Stops; what is there stays there. */
  pause(): void {
    this.state.value = 'paused'
    this.#ending.abort(new Error('paused'))
  }

  /** Stops, and gives up what is there. */
  async cancel(): Promise<void> {
    this.state.value = 'cancelled'
    this.#ending.abort(new Error('cancelled'))
    rememberUpload(this.#name, undefined)
    const upload = this.#upload
    if (upload === undefined) return
    // It expires anyway if the gateway cannot be told.
    const path = pathOf('uploads', this.bucket, this.key)
    await request('DELETE', path, { query: { upload } }).catch(() => undefined)
  }

  get #name(): string {
    return uploadName(this.file, this.bucket, this.key)
  }

  #fail(error: unknown): void {
    this.#ending.abort(error)
    this.problem.value = asApiError(error).message
    this.state.value = 'failed'
  }

  #count(part: number, bytes: number): void {
    this.#parts.value = new Map(this.#parts.value).set(part, bytes)
  }

  async #sendWhole(): Promise<void> {
    const type = this.file.type
    await send<WrittenView>(pathOf('objects', this.bucket, this.key), this.file, {
      signal: this.#ending.signal,
      ...(type !== '' && { headers: { 'content-type': type } }),
      onProgress: bytes => this.#count(0, Math.min(bytes, this.file.size)),
    })
    this.#count(0, this.file.size)
  }

  async #sendParts(): Promise<void> {
    const path = pathOf('uploads', this.bucket, this.key)
    const parts = partsOf(this.file.size)
    const present = await this.#begin(path)
    const missing = missingParts(parts, present)
    const etags = new Map(present.map(({ part, etag }) => [part, etag]))
    const isMissing = new Set(missing.map(({ part }) => part))
    const there = parts.filter(({ part }) => !isMissing.has(part))
    this.#parts.value = new Map(there.map(({ part, from, to }) => [part, to - from]))
    const left = [...missing]
    const work = async (): Promise<void> => {
      for (let part = left.shift(); part !== undefined; part = left.shift())
        etags.set(part.part, await this.#sendPart(path, part))
    }
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, work))
    const list = parts.map(({ part }) => ({ part, etag: etags.get(part) ?? '' }))
    await request<WrittenView>('POST', path, {
      query: { upload: this.#upload },
      body: { parts: list },
      signal: this.#ending.signal,
    })
    rememberUpload(this.#name, undefined)
  }

  /** The parts that are there of the upload that was begun before, or none of a new one. */
  async #begin(path: string): Promise<readonly PresentPart[]> {
    const { signal: aborting } = this.#ending
    this.#upload ??= rememberedUpload(this.#name)
    if (this.#upload !== undefined) {
      const query = { upload: this.#upload, limit: 10_000 }
      const found = await request<{ readonly parts: readonly PresentPart[] }>('GET', path, {
        query,
        signal: aborting,
      }).catch((error: unknown) => {
        if (asApiError(error).status !== 404) throw error
        return undefined
      })
      if (found !== undefined) return found.parts
    }
    const type = this.file.type
    const { upload } = await request<UploadView>('POST', path, {
      body: type === '' ? {} : { headers: { 'content-type': type } },
      signal: aborting,
    })
    this.#upload = upload
    rememberUpload(this.#name, upload)
    return []
  }

  async #sendPart(path: string, { part, from, to }: Part): Promise<string> {
    const url = `${path}?upload=${encoded(this.#upload ?? '')}&part=${part}`
    for (let attempt = 1; ; attempt++) {
      try {
        const { etag } = await send<PresentPart>(url, this.file.slice(from, to), {
          signal: this.#ending.signal,
          onProgress: bytes => this.#count(part, Math.min(bytes, to - from)),
        })
        this.#count(part, to - from)
        return etag
      } catch (error) {
        this.#count(part, 0)
        const { status } = asApiError(error)
        const isPassing = status === 0 || status >= 500
        if (this.#ending.signal.aborted || !isPassing || attempt === ATTEMPTS_MAX) throw error
        await new Promise(resolve => void setTimeout(resolve, AGAIN_MS * attempt))
      }
    }
  }
}

/** Puts files behind those that wait; returns how many there was no room for. */
export function enqueue(
  files: readonly { readonly key: string; readonly file: File }[],
  bucket: string,
): number {
  const room = Math.max(0, QUEUE_MAX - uploads.value.length)
  const added = files.slice(0, room).map(({ key, file }) => new Upload(bucket, key, file))
  uploads.value = [...uploads.value, ...added]
  pump()
  return files.length - added.length
}

/** Goes on with what was paused or has failed. */
export function again(upload: Upload): void {
  upload.state.value = 'waiting'
  pump()
}

export function clearFinished(): void {
  uploads.value = uploads.value.filter(({ state }) => !['cancelled', 'done'].includes(state.value))
}

function pump(): void {
  const running = uploads.value.filter(({ state }) => state.value === 'running').length
  const waiting = uploads.value.filter(({ state }) => state.value === 'waiting')
  for (const upload of waiting.slice(0, Math.max(0, FILES_AT_ONCE - running)))
    void upload.run().then(pump)
}

addEventListener('beforeunload', event => {
  if (uploads.value.some(({ state }) => state.value === 'running')) event.preventDefault()
})
