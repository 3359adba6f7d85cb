/**
 * Something that pages show, and that changes: looked at every so often while somebody watches, and
 * told as what has changed since. Who begins to watch is told all of it first, in pieces that a slow
 * reader can take. Looks do not overlap, and rest as long as they take at the least, so that what is
 * costly to look at is looked at less often.
 */
export interface Message {
  readonly event: string
  readonly data: unknown
}

/** Takes a message; resolves when there is room for another. */
export type Watcher = (message: Message) => Promise<void>

export interface TopicOptions<State> {
  readonly everyMs: number
  look(): Promise<State>
  /** All there is to tell, piece by piece. Asked for anew for each piece: it may change between two. */
  whole(state: () => State): Iterable<Message>
  /** What there is to tell of a change, if anything. */
  changes(before: State, after: State): readonly Message[]
  /** A look failed: pages show what they have. */
  readonly onFailure: (error: unknown) => void
}

interface Watching {
  readonly watcher: Watcher
  /** It was told all of it. */
  isTold: boolean
}

export class Topic<State> {
  readonly #options: TopicOptions<State>
  readonly #watching = new Set<Watching>()
  #state: State | undefined
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(options: TopicOptions<State>) {
    this.#options = options
  }

  get isWatched(): boolean {
    return this.#watching.size > 0
  }

  /** Begins to tell; returns what ends that. */
  watch(watcher: Watcher): () => void {
    const watching = { watcher, isTold: false }
    this.#watching.add(watching)
    if (this.#state === undefined) this.hurry()
    // Never before who asked is ready to be told.
    else queueMicrotask(() => void this.#tellAll(watching))
    return () => {
      this.#watching.delete(watching)
      if (this.#watching.size > 0) return
      clearTimeout(this.#timer)
      this.#timer = undefined
      // What nobody has watched is outdated for who comes next.
      this.#state = undefined
    }
  }

  /** Looks now, if anybody watches. */
  hurry(): void {
    if (!this.isWatched || this.#isLooking) return
    clearTimeout(this.#timer)
    void this.#look()
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    const startMs = performance.now()
    try {
      this.#learn(await this.#options.look())
    } catch (error) {
      this.#options.onFailure(error)
    }
    this.#isLooking = false
    if (!this.isWatched) {
      this.#state = undefined
      return
    }
    const restMs = Math.max(this.#options.everyMs, performance.now() - startMs)
    this.#timer = setTimeout(() => void this.#look(), restMs)
    this.#timer.unref()
  }

  #learn(after: State): void {
    const before = this.#state
    this.#state = after
    const messages = before === undefined ? [] : this.#options.changes(before, after)
    for (const watching of this.#watching) {
      if (watching.isTold) for (const message of messages) void watching.watcher(message)
      else void this.#tellAll(watching)
    }
  }

  async #tellAll(watching: Watching): Promise<void> {
    if (watching.isTold) return
    watching.isTold = true
    const state = (): State => this.#state as State
    for (const message of this.#options.whole(state)) {
      if (!this.#watching.has(watching) || this.#state === undefined) return
      await watching.watcher(message)
    }
  }
}
