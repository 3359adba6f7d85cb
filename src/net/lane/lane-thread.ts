import { Worker } from 'node:worker_threads'

import { closed } from '../failures.ts'
import type { FromLane, LaneNews, LaneThreadData, ToLane } from './lane-messages.ts'

/**
 * The thread holds little but bytes on their way, which do not count here. Each piece is garbage at
 * once; a small nursery is swept before much of it has gathered.
 */
const heapLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 128 }

export interface LaneThreadOptions extends LaneThreadData {
  readonly onMessage: (message: LaneNews) => void
  /** Told once, when the thread is gone; without an error it was meant. */
  readonly onEnd: (error: string | undefined) => void
}

/**
 * The lane's thread, seen from outside. Started when it is first needed: a peer that moves no bulk
 * pays nothing. Once it is gone it stays gone.
 */
export class LaneThread {
  readonly #options: LaneThreadOptions
  readonly #listening = Promise.withResolvers<number>()
  #worker: Worker | undefined
  #isDead = false

  constructor(options: LaneThreadOptions) {
    this.#options = options
    this.#listening.promise.catch(() => undefined)
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** The port it listens at, from when it does. @throws {HoldfastError} `CLOSED` */
  async start(): Promise<number> {
    if (this.#isDead) throw closed('the lane')
    this.#worker ??= this.#create()
    return this.#listening.promise
  }

  /** Moves the buffers over. */
  tell(message: ToLane, moved: ArrayBuffer[] = []): void {
    if (!this.#isDead) this.#worker?.postMessage(message, moved)
  }

  async stop(): Promise<void> {
    this.#end(undefined)
    await this.#worker?.terminate()
  }

  #create(): Worker {
    const { host, port } = this.#options
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const workerData: LaneThreadData = { host, port }
    const worker = new Worker(new URL(`./lane-worker.${extension}`, import.meta.url), {
      workerData,
      resourceLimits: heapLimits,
    })
    worker.on('message', (message: FromLane) => this.#receive(message))
    worker.on('error', error => this.#end(error.message))
    worker.on('exit', () => this.#end('its thread has ended'))
    return worker
  }

  #receive(message: FromLane): void {
    if (message.type === 'listening') this.#listening.resolve(message.port)
    if (message.type === 'failed') this.#end(message.error)
    else this.#options.onMessage(message)
  }

  #end(error: string | undefined): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#listening.reject(closed('the lane'))
    this.#options.onEnd(error)
  }
}
