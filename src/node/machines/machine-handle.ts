/**
 * A machine of an application as one of its peers offers it: the same at every peer whose program has
 * it, wherever its replicas are.
 */
export interface MachineHandle<
  Command = unknown,
  Answer = unknown,
  Question = unknown,
  Reply = unknown,
  Event = unknown,
> {
  /**
   * Has a command take effect, once, and returns its answer. With a `key` it takes effect once however
   * often, whenever and at whichever peer it is submitted: every copy gets the first answer, also
   * where that was a refusal. Without one it is done once for this call.
   * @throws {HoldfastError} `MACHINE_REFUSED`, `MACHINE_FAILED`, `MACHINE_FULL`,
   *   `MACHINE_KEY_REUSED`, `WRITE_EXPIRED`, `TOO_LARGE`, `NO_QUORUM`, `BUSY`: nothing was changed;
   *   `OUTCOME_UNKNOWN`: submit it again under the same key
   */
  submit(command: Command, options?: SubmitOptions): Promise<Receipt<Answer>>
  /**
   * Answers a question, from a state that holds everything that was done before the call; or, if it
   * may be `stale`, from that of a replica near here.
   * @throws {HoldfastError} `MACHINE_FAILED`, `NO_QUORUM`, …
   */
  query(question: Question, options?: QueryOptions): Promise<Reply>
  /**
   * What the machine tells, in order and without a gap, from behind an index on, until the signal
   * aborts. Whoever goes on later does so behind the last index of which it saw `isLast`.
   * @throws {HoldfastError} `WATCH_TRIMMED` if events behind `after` are not kept any more
   */
  watch(options?: WatchOptions): AsyncGenerator<MachineEvent<Event>>
  /** What a key got; undefined if no command with it took effect. Linearizable. */
  answerOf(key: string, options?: QueryOptions): Promise<Receipt<Answer> | undefined>
  /** How the machine is doing. */
  inspect(options?: QueryOptions): Promise<MachineStatus>
}

export interface SubmitOptions {
  /** Up to 512 characters. */
  readonly key?: string | undefined
  /** What of a command its copies have in common, as JSON. @default all of it */
  readonly fingerprint?: unknown
  /**
   * Files that are stored with the command, by name: they are durable before it takes effect, and are
   * deleted if it does not. The reducer finds them in `context.files`.
   */
  readonly files?: Readonly<Record<string, MachineUpload>> | undefined
  /** @default 10,000, and as long as files take */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface MachineUpload {
  /** Which has to be there, without versions. */
  readonly bucket: string
  readonly source: Uint8Array | AsyncIterable<Uint8Array>
  /** @default application/octet-stream */
  readonly contentType?: string | undefined
}

export interface QueryOptions {
  /** @default linearizable */
  readonly consistency?: 'linearizable' | 'stale' | undefined
  /** @default 10,000 */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface WatchOptions {
  /** An index; 0 for everything that is kept. @default what comes from now on */
  readonly after?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a command got, and where in the log it took effect. */
export interface Receipt<Answer = unknown> {
  readonly answer: Answer
  readonly index: number
  readonly stamp: { readonly ms: number; readonly count: number }
  /** It had taken effect before. */
  readonly isRepeat: boolean
}

export interface MachineEvent<Event = unknown> {
  readonly index: number
  readonly stamp: { readonly ms: number; readonly count: number }
  readonly event: Event
  /** It is the last one of its index. */
  readonly isLast: boolean
}

/** A machine as one of its replicas has it. */
export interface MachineStatus {
  readonly group: number
  /** Of the last command applied. */
  readonly index: number
  readonly timeMs: number
  /** The version in force. */
  readonly version: number
  /** Equal for equal states. */
  readonly hash: string
  readonly rows: number
  /** Of rows and remembered answers, in UTF-16 units. */
  readonly bytes: number
  readonly keys: number
  readonly timers: number
  /** Files that wait for their command, or to be deleted. */
  readonly stages: number
  /** Events up to this index are not kept any more. */
  readonly oldestEvent: number
  /** How often the reducer threw what was no refusal. */
  readonly failures: number
  readonly lastFailure: string
}
