import { codeOf, type Failure, type HoldfastError } from '../base/errors.ts'

/** A request that is answered with an error of HTTP itself. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Codes that are not simply "failed", 500. The one table in which they meet HTTP. */
const statuses: Partial<Record<Failure['code'], number>> = {
  AMBIGUOUS: 409,
  BUSY: 503,
  CLOSED: 503,
  GROUP_UNKNOWN: 503,
  MALFORMED: 400,
  MAP_FULL: 507,
  NO_AUTHORITY: 403,
  NO_QUORUM: 503,
  NOT_A_MEMBER: 404,
  NOT_AUTHORISED: 403,
  OUTCOME_UNKNOWN: 504,
  TIMEOUT: 504,
  TOO_LARGE: 413,
  WATCH_TRIMMED: 410,
}

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly details?: Failure }
}

/** What a failure is told as. What is not expected is not told at all: it may say too much. */
export function describeError(error: unknown): { status: number; body: ErrorBody } {
  if (error instanceof HttpError)
    return { status: error.status, body: { error: { code: 'HTTP', message: error.message } } }
  if (error instanceof RangeError)
    return { status: 400, body: { error: { code: 'RANGE', message: error.message } } }
  const code = codeOf(error)
  if (code === undefined)
    return {
      status: 500,
      body: { error: { code: 'INTERNAL', message: 'see the log of the peer' } },
    }
  const { message, details } = error as HoldfastError
  return { status: statuses[code] ?? 500, body: { error: { code, message, details } } }
}
