/* oxlint-disable typescript/no-unnecessary-type-parameters -- a reader says what the writer put there */
/**
 * What an application replicates: a machine of its own, as a reducer over rows. Every replica applies
 * the same commands in the same order, so a reducer may depend on nothing but its state, the command
 * and the context: no clock, no chance, no waiting, no order that a hash table happens to have.
 *
 * All values are JSON: what is read is a copy, and changes nothing until it is set.
 */
export interface MachineDefinition<
  Command = unknown,
  Answer = unknown,
  Question = unknown,
  Reply = unknown,
  Event = unknown,
> {
  /**
   * The newest version this program knows, a natural number. Which one is in force the log says: it
   * rises once every voter's program knows it, and commands are applied by the version in force at
   * their place, `context.version`. A replica that meets a newer one than it knows stops.
   */
  readonly version: number
  /** The oldest version this program can still apply. @default 1 */
  readonly oldestVersion?: number | undefined
  readonly limits?: Partial<MachineLimits> | undefined
  /**
   * Has a command take effect, and answers it. What throws has changed nothing: `context.refuse`
   * refuses for a reason of the application's; everything else is a bug of the reducer.
   */
  apply(state: MachineState, command: Command, context: MachineContext<Event>): Answer
  /** Answers a question. Changes nothing. */
  query?(state: MachineRows, question: Question, context: MachineMoment): Reply
  /** A timer is due: the time of the log has come to what it was set to. It is gone by then. */
  onTimer?(state: MachineState, timer: MachineTimer, context: MachineContext<Event>): void
}

/** Rows by key, in the order of their keys (by UTF-16 units). */
export interface MachineRows {
  get<Value = unknown>(key: string): Value | undefined
  has(key: string): boolean
  /** The rows whose keys begin so: at most `limit`, behind `after`; or before it, backwards. */
  list<Value = unknown>(prefix: string, options?: MachineListOptions): MachineRow<Value>[]
}

export interface MachineState extends MachineRows {
  set(key: string, value: unknown): void
  /** False if there was nothing. */
  delete(key: string): boolean
}

export interface MachineRow<Value> {
  readonly key: string
  readonly value: Value
}

export interface MachineListOptions {
  /** A key; not listed itself. */
  readonly after?: string | undefined
  /** @default 1000, at most 10,000 */
  readonly limit?: number | undefined
  /** The last ones first. */
  readonly isReversed?: boolean | undefined
}

/** Where in the log something happens: the same at every replica. */
export interface MachineMoment {
  /** Of the entry of the log: rises, with gaps. */
  readonly index: number
  /** The time of the log, milliseconds since 1970: given by leaders, and never goes back. */
  readonly timeMs: number
  /** The same as a hybrid timestamp, which no two commands share. */
  readonly stamp: { readonly ms: number; readonly count: number }
  /** The version in force. */
  readonly version: number
}

export interface MachineContext<Event> extends MachineMoment {
  /** The idempotency key the command came with. */
  readonly key: string | undefined
  /** What is stored for this command, and stays only if it takes effect. */
  readonly files: readonly MachineFile[]
  /** Tells whoever watches. */
  emit(this: void, event: Event): void
  /** Has `onTimer` called once the time of the log has come to `atMs`; in the place of an earlier one. */
  setTimer(this: void, name: string, atMs: number, payload?: unknown): void
  cancelTimer(this: void, name: string): void
  /** The command is refused for this reason, and changes nothing. */
  refuse(this: void, reason: string): never
}

export interface MachineTimer {
  readonly name: string
  readonly dueMs: number
  readonly payload: unknown
}

/** An object of the network that a command brought with it. */
export interface MachineFile {
  /** As the command calls it. */
  readonly name: string
  readonly bucket: string
  readonly key: string
  readonly version: string
  readonly etag: string
  readonly sizeBytes: number
}

export interface MachineLimits {
  /** Of rows and remembered answers together, in UTF-16 units. @default 67,108,864 */
  readonly stateBytesMax: number
  /** @default 1,000,000 */
  readonly rowsMax: number
  /**
   * Idempotency keys whose answers are remembered. When there are so many, commands with new keys are
   * refused: none is ever forgotten to make room. @default 1,000,000
   */
  readonly keysMax: number
  /** For how long an answer is remembered, by the time of the log. @default for ever */
  readonly keepKeysMs: number
  /** @default 65,536 */
  readonly timersMax: number
  /** Events that are kept for those who watch. @default 65,536 */
  readonly eventsMax: number
  /** And their size. @default 16,777,216 */
  readonly eventBytesMax: number
  /** Commands after which the state is written down anew, and older ones are let go. @default 65,536 */
  readonly snapshotEntries: number
}

export const machineLimits: MachineLimits = {
  stateBytesMax: 67_108_864,
  rowsMax: 1_000_000,
  keysMax: 1_000_000,
  keepKeysMs: Infinity,
  timersMax: 65_536,
  eventsMax: 65_536,
  eventBytesMax: 16_777_216,
  snapshotEntries: 65_536,
}

/** A row's key, an idempotency key, a timer's name. */
export const KEY_UNITS_MAX = 512
/** A row, a command, an answer, an event: as JSON. */
export const VALUE_BYTES_MAX = 65_536
