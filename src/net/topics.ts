import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'

import type { Clock, PeerId } from '../base/environment.ts'
import type { Node } from './libp2p-node.ts'
import {
  TOPIC_BYTES_MAX,
  TOPIC_MESSAGES_BURST,
  TOPIC_MESSAGES_PER_SECOND,
  TOPIC_PEERS_MAX,
} from './limits.ts'
import type { Refusals } from './refusals.ts'
import { TokenBucket } from './token-bucket.ts'

export interface TopicsOptions {
  readonly topics: readonly string[]
  readonly clock: Clock
  readonly refusals: Refusals
  readonly mayReceive: (from: PeerId, topic: string) => boolean
}

type Handler = (from: PeerId, bytes: Uint8Array) => void

/**
 * Announcements through gossipsub. Messages are signed by their author; one whose author may not
 * speak, and one above its relay's share, is ignored. Not rejected, which would count against who
 * passed it on: of a new member, or a ban, not everybody knows at once.
 */
export class Topics {
  readonly #options: TopicsOptions
  readonly #handlers = new Map<string, Handler[]>()
  readonly #buckets = new Map<PeerId, TokenBucket>()

  constructor(options: TopicsOptions) {
    this.#options = options
  }

  /** Before the node starts. */
  attach(node: Node): void {
    const { pubsub } = node.services
    for (const topic of this.#options.topics) {
      pubsub.topicValidators.set(topic, (relay, message) => {
        const author = message.type === 'signed' ? message.from.toString() : undefined
        return this.#judge(relay.toString(), author, message)
      })
    }
    pubsub.addEventListener('message', ({ detail }) => {
      if (detail.type !== 'signed') return
      const handlers = this.#handlers.get(detail.topic) ?? []
      for (const handler of handlers) handler(detail.from.toString(), detail.data)
    })
  }

  async publish(node: Node, topic: string, bytes: Uint8Array): Promise<void> {
    this.#check(topic)
    if (bytes.length > TOPIC_BYTES_MAX) {
      throw new RangeError(`a message has at most ${TOPIC_BYTES_MAX} bytes`)
    }
    await node.services.pubsub.publish(topic, bytes)
  }

  subscribe(node: Node, topic: string, handler: Handler): void {
    this.#check(topic)
    const handlers = this.#handlers.get(topic)
    if (handlers !== undefined) {
      handlers.push(handler)
      return
    }
    this.#handlers.set(topic, [handler])
    node.services.pubsub.subscribe(topic)
  }

  forget(peer: PeerId): void {
    this.#buckets.delete(peer)
  }

  #judge(
    relay: PeerId,
    author: PeerId | undefined,
    message: { topic: string; data: Uint8Array },
  ): TopicValidatorResult {
    const { refusals, mayReceive } = this.#options
    if (author === undefined || !mayReceive(author, message.topic)) {
      refusals.refuse('bad-topic-message', relay, `${message.topic}: its author may not speak`)
      return TopicValidatorResult.Ignore
    }
    if (message.data.length > TOPIC_BYTES_MAX) {
      refusals.refuse('bad-topic-message', relay, `${message.topic}: ${message.data.length} bytes`)
      return TopicValidatorResult.Reject
    }
    if (!this.#bucketOf(relay).take()) {
      refusals.refuse('bad-topic-message', relay, `${message.topic}: too many`)
      return TopicValidatorResult.Ignore
    }
    return TopicValidatorResult.Accept
  }

  #bucketOf(peer: PeerId): TokenBucket {
    const known = this.#buckets.get(peer)
    if (known !== undefined) return known
    const rate = { perSecond: TOPIC_MESSAGES_PER_SECOND, burst: TOPIC_MESSAGES_BURST }
    const bucket = new TokenBucket(this.#options.clock, rate)
    if (this.#buckets.size >= TOPIC_PEERS_MAX) this.#buckets.clear()
    this.#buckets.set(peer, bucket)
    return bucket
  }

  #check(topic: string): void {
    if (this.#options.topics.includes(topic)) return
    throw new RangeError(`there is no topic ${topic}`)
  }
}
