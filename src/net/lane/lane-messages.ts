import type { PeerId } from '../../base/environment.ts'

/** What the main thread and the lane's thread tell each other. Bytes are moved, not copied. */
export interface LaneThreadData {
  readonly host: string
  readonly port: number
}

export type ToLane =
  /** Lets whoever shows this ticket in, as that peer. */
  | {
      readonly type: 'ticket'
      readonly id: string
      readonly key: Uint8Array
      readonly peer: PeerId
    }
  /** Connects with a ticket from the other side. */
  | {
      readonly type: 'connect'
      readonly socket: number
      readonly peer: PeerId
      readonly host: string
      readonly port: number
      readonly id: string
      readonly key: Uint8Array
    }
  | {
      readonly type: 'send'
      readonly socket: number
      readonly header: Uint8Array
      readonly payload: Uint8Array<ArrayBuffer> | undefined
    }
  /** The main thread has gone through so many received bytes. */
  | { readonly type: 'taken'; readonly socket: number; readonly bytes: number }
  /** What was sent still leaves. */
  | { readonly type: 'close'; readonly socket: number }
  /** Tickets and sockets of this peer are void. */
  | { readonly type: 'drop'; readonly peer: PeerId }

export type FromLane =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'ticketed'; readonly id: string }
  /** A peer came in with a ticket. Its sockets have negative numbers, ours positive ones. */
  | {
      readonly type: 'accepted'
      readonly socket: number
      readonly peer: PeerId
      readonly id: string
    }
  | { readonly type: 'connected'; readonly socket: number }
  | { readonly type: 'data'; readonly socket: number; readonly bytes: Uint8Array }
  | { readonly type: 'closed'; readonly socket: number; readonly error: string | undefined }
  | { readonly type: 'refused'; readonly detail: string }

/** What of it is not about the thread itself. */
export type LaneNews = Exclude<FromLane, { readonly type: 'failed' }>
