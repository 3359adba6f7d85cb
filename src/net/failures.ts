import type { PeerId } from '../base/environment.ts'
import { type Failure, HoldfastError } from '../base/errors.ts'

/** The failures that the network itself makes, and those of others as they travel. */

export const unreachable = (peer: PeerId, cause?: unknown): HoldfastError =>
  new HoldfastError(`Cannot reach ${peer}`, { code: 'PEER_UNREACHABLE', peer }, { cause })

export const unknownProtocol = (peer: PeerId, protocol: string): HoldfastError =>
  new HoldfastError(`Cannot use ${protocol}: ${peer} does not serve it`, {
    code: 'PROTOCOL_UNKNOWN',
    peer,
    protocol,
  })

export const notAuthorised = (peer: PeerId, protocol: string): HoldfastError =>
  new HoldfastError(`Cannot use ${protocol}: ${peer} does not serve it to this peer`, {
    code: 'NOT_AUTHORISED',
    peer,
    protocol,
  })

export const busy = (what: string, limit: number): HoldfastError =>
  new HoldfastError(`Cannot serve: ${limit} ${what} already`, { code: 'BUSY', what, limit })

export const tooLarge = (what: string, size: number, limit: number): HoldfastError =>
  new HoldfastError(`Cannot send ${what}: ${size} bytes, limit ${limit}`, {
    code: 'TOO_LARGE',
    what,
    size,
    limit,
  })

export const timedOut = (what: string, afterMs: number): HoldfastError =>
  new HoldfastError(`Cannot wait for ${what}: no answer within ${afterMs} ms`, {
    code: 'TIMEOUT',
    what,
    afterMs,
  })

export const closed = (what: string, cause?: unknown): HoldfastError =>
  new HoldfastError(`Cannot go on: ${what} is closed`, { code: 'CLOSED', what }, { cause })

export const malformed = (what: string, offset: number = 0): HoldfastError =>
  new HoldfastError(`Cannot read ${what}: at offset ${offset}`, { code: 'MALFORMED', what, offset })

const MESSAGE_CHARS_MAX = 500
const DETAILS_CHARS_MAX = 2_000

/** How a failure looks on its way to another peer. A bug or foreign error has no code of its own. */
export function failureToText(error: unknown, self: PeerId): string {
  const reason = (error instanceof Error ? error.message : String(error)).slice(
    0,
    MESSAGE_CHARS_MAX,
  )
  const isOurs = error instanceof Error && error.name === 'HoldfastError'
  const details: Failure = isOurs
    ? (error as HoldfastError).details
    : { code: 'PEER_FAILED', peer: self, reason }
  const text = JSON.stringify({ message: reason.toWellFormed(), details })
  if (text.length <= DETAILS_CHARS_MAX) return text
  return JSON.stringify({
    message: reason.toWellFormed(),
    details: { code: 'PEER_FAILED', peer: self, reason: details.code },
  })
}

/** The failure in a text from a peer; anything else becomes `PEER_FAILED`. */
export function failureFromText(text: string, from: PeerId): HoldfastError {
  const parsed = parse(text)
  if (parsed !== undefined) return new HoldfastError(parsed.message, parsed.details)
  const details = { code: 'PEER_FAILED', peer: from, reason: 'its failure makes no sense' } as const
  return new HoldfastError(`Cannot tell what failed at ${from}`, details)
}

function parse(text: string): { message: string; details: Failure } | undefined {
  try {
    const { message, details } = JSON.parse(text) as { message: unknown; details: unknown }
    if (typeof message !== 'string' || typeof details !== 'object' || details === null)
      return undefined
    return hasCode(details) ? { message, details } : undefined
  } catch {
    return undefined
  }
}

/** A code of a newer version is passed on as it is: nobody here matches it. */
function hasCode(details: object): details is Failure {
  const { code } = details as { code?: unknown }
  return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code)
}
