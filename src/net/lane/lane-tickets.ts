import { randomBytes } from 'node:crypto'

import { toHex } from '../../base/bytes.ts'
import type { PeerId, Timer, Timers } from '../../base/environment.ts'
import { busy } from '../failures.ts'
import { TICKET_MS, TICKETS_MAX } from '../limits.ts'
import { TICKET_ID_BYTES, TICKET_KEY_BYTES } from './lane-ticket.ts'

export interface IssuedTicket {
  /** Hexadecimal, and the bytes of it. */
  readonly id: string
  readonly idBytes: Uint8Array
  readonly key: Uint8Array<ArrayBuffer>
}

interface OpenTicket {
  readonly peer: PeerId
  readonly key: Uint8Array
  readonly expiry: Timer
}

/** The tickets this peer has given out and nobody has used: each good once, for a while. */
export class LaneTickets {
  readonly #timers: Timers
  readonly #open = new Map<string, OpenTicket>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  countOf(peer: PeerId): number {
    return [...this.#open.values()].filter(ticket => ticket.peer === peer).length
  }

  /** @throws {HoldfastError} `BUSY` */
  issue(peer: PeerId): IssuedTicket {
    if (this.#open.size >= TICKETS_MAX) throw busy('tickets', TICKETS_MAX)
    const idBytes = randomBytes(TICKET_ID_BYTES)
    const id = toHex(idBytes)
    const expiry = this.#timers.after(TICKET_MS, () => this.#open.delete(id))
    const key = new Uint8Array(randomBytes(TICKET_KEY_BYTES))
    this.#open.set(id, { peer, key, expiry })
    return { id, idBytes, key }
  }

  /** Undefined if it is not good any more. */
  use(id: string): OpenTicket | undefined {
    const ticket = this.#open.get(id)
    ticket?.expiry.cancel()
    this.#open.delete(id)
    return ticket
  }

  /** Voids those of one peer, or all. */
  drop(peer?: PeerId): void {
    for (const [id, ticket] of this.#open) {
      if (peer === undefined || ticket.peer === peer) this.use(id)
    }
  }
}
