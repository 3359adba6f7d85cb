/** `GET /api/v1/history`: what this peer remembers of its last hour. */
export interface HistoryView {
  readonly everyMs: number
  /** When the last of the samples was taken. */
  readonly until: string
  readonly samples: readonly HistorySample[]
}

/** What happened since the sample before. Latencies are null where nothing was asked. */
export interface HistorySample {
  readonly atMs: number
  readonly readBytes: number
  readonly writtenBytes: number
  readonly requests: number
  readonly errors: number
  readonly latency: Readonly<
    Record<'get' | 'put' | 'list' | 'head', { p50Ms: number; p95Ms: number; p99Ms: number } | null>
  >
  readonly repairWaiting: number
  readonly repairRunning: number
  readonly repairedBytes: number
  readonly usedBytes: number
  readonly peersAlive: number
}
