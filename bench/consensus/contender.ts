/** Three members as three processes, and a client of theirs in this one. */
export interface Contender {
  readonly name: string
  /** How long its client waits before it tries again, where leaders come and go. */
  readonly tryMs: number
  start(): Promise<void>
  stop(): Promise<void>
  pids(): number[]
  /** Resolves when it is durable on a majority. */
  put(key: string, value: Uint8Array, timeoutMs: number): Promise<void>
  /** Hits the leader; returns what makes all well again, and waits until it is. */
  disturb(how: 'SIGKILL' | 'SIGSTOP'): Promise<() => Promise<void>>
  transfer(): Promise<void>
}
