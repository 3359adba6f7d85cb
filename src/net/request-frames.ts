import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { REQUEST_BYTES_MAX } from '../base/environment.ts'
import { malformed } from './failures.ts'
import { PROTOCOL_BYTES_MAX } from './limits.ts'

/**
 * What travels on a stream of requests, each in a frame of its own:
 *
 *     u8 kind | u32 id | rest
 *     1 request   string protocol, body
 *     2 answer    body
 *     3 failure   text, see failures.ts
 *     4 cancel    nothing
 *
 * Requests and cancels go from who opened the stream, answers and failures come back.
 */
export type RequestFrame =
  | {
      readonly kind: 'request'
      readonly id: number
      readonly protocol: string
      readonly body: Uint8Array
    }
  | { readonly kind: 'answer'; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: 'failure'; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: 'cancel'; readonly id: number }

const kinds = ['', 'request', 'answer', 'failure', 'cancel'] as const
/** Kind, id, and the longest protocol with its length. */
export const FRAME_OVERHEAD_BYTES: number = 5 + 2 + PROTOCOL_BYTES_MAX

export function encodeRequestFrame(frame: RequestFrame): Uint8Array {
  const body = 'body' in frame ? frame.body : undefined
  const size = FRAME_OVERHEAD_BYTES + (body?.length ?? 0)
  const writer = new BinaryWriter(FRAME_OVERHEAD_BYTES + REQUEST_BYTES_MAX, size)
  writer.u8(kinds.indexOf(frame.kind))
  writer.u32(frame.id)
  if (frame.kind === 'request') writer.string(frame.protocol)
  if (body !== undefined) writer.fixed(body)
  return writer.finish()
}

/**
 * Bodies are views of the input.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
export function decodeRequestFrame(bytes: Uint8Array): RequestFrame {
  const reader = new BinaryReader(bytes)
  const kind = kinds[reader.u8()]
  const id = reader.u32()
  switch (kind) {
    case 'request': {
      const protocol = reader.string(PROTOCOL_BYTES_MAX)
      return { kind, id, protocol, body: reader.fixed(reader.remaining) }
    }
    case 'answer':
    case 'failure':
      return { kind, id, body: reader.fixed(reader.remaining) }
    case 'cancel':
      reader.end()
      return { kind, id }
    case '':
    case undefined:
    default:
      throw malformed('request frame: kind')
  }
}
