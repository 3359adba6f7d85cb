/**
 * What happens at one server, as it happens: a bounded ring of events, each with the server's own
 * timestamp, that others follow as lines of JSON. A heartbeat now and then is a promise: nothing
 * earlier will come from here.
 */
import type { ServerResponse } from 'node:http'

import type { EventStamp, HoldfastNode } from 'holdfast'

export interface LoggedEvent {
  readonly source: string
  readonly sequence: number
  readonly stamp: EventStamp
  /** When it was by the clock that all processes of one machine share: what the order is judged by. */
  readonly trueMs: number
  /** Undefined for a heartbeat. */
  readonly payment: string | undefined
}

const EVENTS_MAX = 65_536
const HEARTBEAT_MS = 50
const BEHIND_BYTES_MAX = 8_388_608

const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6

export class EventLog {
  readonly #node: HoldfastNode
  readonly #source: string
  readonly #events: LoggedEvent[] = []
  readonly #followers = new Set<ServerResponse>()
  readonly #timer: NodeJS.Timeout
  #sequence = 0

  constructor(node: HoldfastNode, source: string) {
    this.#node = node
    this.#source = source
    this.#timer = setInterval(() => void this.#beat(), HEARTBEAT_MS)
  }

  /** Something happens now. */
  async add(payment: string): Promise<EventStamp> {
    const stamp = await this.#node.stamp()
    const trueMs = machineMs()
    this.#tell({ source: this.#source, sequence: ++this.#sequence, stamp, trueMs, payment })
    return stamp
  }

  /** Tells everything behind a number, and then what comes. */
  follow(response: ServerResponse, after: number): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const event of this.#events) if (event.sequence > after) write(response, event)
    this.#followers.add(response)
    response.once('close', () => this.#followers.delete(response))
  }

  close(): void {
    clearInterval(this.#timer)
    for (const follower of this.#followers) follower.end()
  }

  #tell(event: LoggedEvent): void {
    if (event.payment !== undefined) this.#events.push(event)
    if (this.#events.length > EVENTS_MAX) this.#events.splice(0, EVENTS_MAX >> 1)
    for (const follower of this.#followers) write(follower, event)
  }

  async #beat(): Promise<void> {
    try {
      const stamp = await this.#node.stamp()
      const { trueMs, payment } = { trueMs: machineMs(), payment: undefined }
      this.#tell({ source: this.#source, sequence: this.#sequence, stamp, trueMs, payment })
    } catch {
      // The clock is not ready; whoever waits for this source goes on without it after a while.
    }
  }
}

function write(response: ServerResponse, event: LoggedEvent): void {
  response.write(`${JSON.stringify(event)}\n`)
  if (response.writableLength > BEHIND_BYTES_MAX) response.destroy()
}
