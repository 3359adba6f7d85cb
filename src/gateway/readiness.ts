import type { HoldfastNode } from '../node/create-node.ts'

/** What a load balancer wants to know of a peer. */
export interface Readiness {
  readonly isReady: boolean
  /** `running`; or what stands in the way: `draining`, `no quorum`, or the state of the peer. */
  readonly status: string
}

/** How long the majority may take to answer. */
const QUORUM_MS = 2_000
/** How long an answer counts: whoever asks more often is told what the last one was told. */
const FRESH_MS = 1_000
/** A key that nobody writes: reading it asks the majority, and costs nothing else. */
const PROBE_KEY = 'readiness'

/**
 * Whether requests should be sent here: it listens, it is not about to stop, and a majority answers
 * it. However many ask, the majority is asked once a second at most.
 */
export class ReadinessProbe {
  readonly #node: HoldfastNode
  readonly #isDraining: () => boolean
  #asked: { readonly atMs: number; readonly answer: Promise<boolean> } | undefined

  constructor(node: HoldfastNode, isDraining: () => boolean) {
    this.#node = node
    this.#isDraining = isDraining
  }

  async look(): Promise<Readiness> {
    if (this.#isDraining()) return { isReady: false, status: 'draining' }
    const { state, role } = this.#state()
    if (state !== 'running') return { isReady: false, status: state }
    // A storage member serves nothing that needs a majority.
    const isReady = role === 'storage' || (await this.#hasQuorum())
    return { isReady, status: isReady ? 'running' : 'no quorum' }
  }

  #state(): { readonly state: string; readonly role?: string | undefined } {
    try {
      return this.#node.status()
    } catch {
      return { state: 'stopped' }
    }
  }

  #hasQuorum(): Promise<boolean> {
    const nowMs = performance.now()
    if (this.#asked === undefined || nowMs - this.#asked.atMs >= FRESH_MS) {
      const answer = this.#node.kv.get(PROBE_KEY, { deadlineMs: QUORUM_MS }).then(
        () => true,
        () => false,
      )
      this.#asked = { atMs: nowMs, answer }
      // One that takes longer than it counts is waited for by all who ask meanwhile.
      void answer.then(() => {
        if (this.#asked?.answer === answer) this.#asked = { atMs: performance.now(), answer }
      })
    }
    return this.#asked.answer
  }
}
