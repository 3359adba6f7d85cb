/** A group as its clients reach it, wherever its replicas are. */
export interface GroupReach {
  /** See `ConsensusNode.propose`. */
  propose(command: Uint8Array, options: ReachOptions): Promise<Uint8Array>
  /** See `ConsensusNode.query`. */
  query(question: Uint8Array, options: ReachOptions): Promise<Uint8Array>
  /** Whether a replica is at hand, which may be asked as often as one likes. */
  readonly isHere?: boolean
  /** Answers from a state, however old. */
  queryStale(question: Uint8Array): Uint8Array | Promise<Uint8Array>
}

export interface ReachOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}
