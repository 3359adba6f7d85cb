import type { Message } from './message.ts'
import type { RaftEffect } from './raft-effect.ts'

/**
 * Collects the effects of one step: messages that may leave at once, those that promise something
 * and wait for the disk, and everything else in the order it came up.
 */
export class Outbox {
  #now: Message[] = []
  #after: Message[] = []
  #others: RaftEffect[] = []

  /** For what promises nothing. */
  send(message: Message): void {
    this.#now.push(message)
  }

  /** For votes and acknowledgements: what they promise is durable before they leave. */
  sendDurable(message: Message): void {
    this.#after.push(message)
  }

  emit(effect: RaftEffect): void {
    this.#others.push(effect)
  }

  takeAfter(): readonly Message[] {
    const after = this.#after
    this.#after = []
    return after
  }

  /** Everything else: messages first, so that others write while this replica does. */
  take(persist: readonly RaftEffect[]): RaftEffect[] {
    const effects: RaftEffect[] = []
    if (this.#now.length > 0) effects.push({ type: 'send', messages: this.#now })
    effects.push(...persist, ...this.#others)
    this.#now = []
    this.#others = []
    return effects
  }
}
