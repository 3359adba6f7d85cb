import { useEffect, useRef, useState } from 'preact/hooks'

import { ApiError, get, isSignedIn } from './client.ts'
import { liveState, onReset, type Topic, topics, want } from './live.ts'
import { known, publish, subscribe } from './store.ts'

/** Something of the gateway that a page shows, and that is read again and again. */
export interface Resource<Value> {
  /** The last that was heard; stays while later attempts fail. */
  readonly value: Value | undefined
  /** Why the last attempt failed. */
  readonly error: ApiError | undefined
  readonly refresh: () => void
}

const EVERY_MS = 5000
/** What the feed carries is read only to be sure. */
const LIVE_EVERY_MS = 30_000
const SOON_MS = 250

interface Seen<Value> {
  readonly path: string | undefined
  readonly value: Value | undefined
  readonly error: ApiError | undefined
}

/** Reads a path for as long as the page is seen; nothing while it is undefined. */
export function useResource<Value>(
  path: string | undefined,
  everyMs: number = EVERY_MS,
): Resource<Value> {
  const [seen, show] = useState<Seen<Value>>(() => remembered<Value>(path))
  const reader = useRef<Reader | undefined>(undefined)
  useEffect(() => {
    show(remembered<Value>(path))
    if (path === undefined) return undefined
    const own = new Reader(path, {
      everyMs,
      onValue: value => show({ path, value: value as Value, error: undefined }),
      onError: error => show({ path, value: known(path) as Value | undefined, error }),
    })
    reader.current = own
    return () => own.end()
  }, [path, everyMs])
  const current = seen.path === path ? seen : remembered<Value>(path)
  return { value: current.value, error: current.error, refresh: () => reader.current?.soon() }
}

/** A view that the live feed carries: read once, then told. */
export function useLive<Value>(topic: Topic): Resource<Value> {
  useEffect(() => want(topic), [topic])
  return useResource<Value>(topics[topic], liveState.value === 'live' ? LIVE_EVERY_MS : EVERY_MS)
}

const remembered = <Value>(path: string | undefined): Seen<Value> => ({
  path,
  value: path === undefined ? undefined : (known(path) as Value | undefined),
  error: undefined,
})

interface ReaderOptions {
  readonly everyMs: number
  readonly onValue: (value: unknown) => void
  readonly onError: (error: ApiError) => void
}

/** One request at a time, again after a while, sooner if it is wanted, never while unseen. */
class Reader {
  readonly #path: string
  readonly #options: ReaderOptions
  readonly #ending = new AbortController()
  readonly #unlisten: readonly (() => void)[]
  #timer: ReturnType<typeof setTimeout> | undefined
  #isReading = false
  #isAskedAgain = false

  constructor(path: string, options: ReaderOptions) {
    this.#path = path
    this.#options = options
    this.#unlisten = [onReset(() => this.soon()), subscribe(path, options.onValue)]
    const { signal } = this.#ending
    const wake = (): void => {
      if (!document.hidden) this.soon()
    }
    document.addEventListener('visibilitychange', wake, { signal })
    void this.#read()
  }

  end(): void {
    this.#ending.abort()
    for (const unlisten of this.#unlisten) unlisten()
    clearTimeout(this.#timer)
  }

  /** Several in a moment make one request. */
  soon(): void {
    if (this.#isReading) this.#isAskedAgain = true
    else this.#after(SOON_MS)
  }

  #after(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#read(), ms)
  }

  async #read(): Promise<void> {
    if (document.hidden || this.#isReading) return
    this.#isReading = true
    const { signal } = this.#ending
    try {
      const value = await get<unknown>(this.#path, { signal })
      if (!signal.aborted) publish(this.#path, value)
    } catch (error) {
      if (!signal.aborted) this.#options.onError(asApiError(error))
    }
    this.#isReading = false
    if (signal.aborted || isSignedIn.value === false) return
    this.#after(this.#isAskedAgain ? SOON_MS : this.#options.everyMs)
    this.#isAskedAgain = false
  }
}

/** A bug here is no fault of the gateway, but must be seen all the same. */
export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(String(error), 0, 'INTERNAL')
