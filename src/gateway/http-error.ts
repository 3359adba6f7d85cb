import { codeOf, type Failure, type HoldfastError } from '../base/errors.ts'

/** Codes of what is wrong with a request as HTTP, by status. They are not failures of the peer's. */
const httpCodes = {
  400: 'BAD_REQUEST',
  401: 'TOKEN_NEEDED',
  403: 'FORBIDDEN',
  404: 'NO_SUCH_PATH',
  405: 'METHOD_NOT_ALLOWED',
  408: 'TOO_SLOW',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE',
  416: 'RANGE_UNSATISFIABLE',
  429: 'TOO_MANY_LOGINS',
  503: 'BUSY',
} as const

/** A request that is answered with an error of HTTP itself. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: keyof typeof httpCodes
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: keyof typeof httpCodes,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** Codes that are not simply "failed", 500. The one table in which they meet HTTP. */
const statuses: Partial<Record<Failure['code'], number>> = {
  AMBIGUOUS: 409,
  BUCKET_EXISTS: 409,
  BUCKET_FROZEN: 409,
  BUCKET_NOT_EMPTY: 409,
  BUSY: 503,
  CLOSED: 503,
  CONFIG_INVALID: 400,
  DISK_FULL: 507,
  GROUP_UNKNOWN: 503,
  INVALID_COMMAND: 400,
  INVALID_PART: 400,
  KEY_NEEDED: 403,
  KEY_WRONG: 403,
  MALFORMED: 400,
  MAP_FULL: 507,
  NO_AUTHORITY: 403,
  NO_QUORUM: 503,
  NO_SUCH_ACCESS_KEY: 404,
  NO_SUCH_BUCKET: 404,
  NO_SUCH_KEY: 404,
  NO_SUCH_UPLOAD: 404,
  NO_SUCH_VERSION: 404,
  NOT_A_MEMBER: 404,
  NOT_AUTHORISED: 403,
  NOT_LEADER: 503,
  OBJECT_LOCKED: 403,
  OUTCOME_UNKNOWN: 504,
  PART_TOO_SMALL: 400,
  PEER_UNREACHABLE: 503,
  PRECONDITION_FAILED: 412,
  RANGE_FROZEN: 503,
  RANGE_UNSATISFIABLE: 416,
  STORE_READONLY: 507,
  THREAD_LOST: 503,
  TIMEOUT: 504,
  TOO_FEW_FRAGMENTS: 503,
  TOO_FEW_PEERS: 503,
  TOO_LARGE: 413,
  WATCH_TRIMMED: 410,
  WRITE_EXPIRED: 503,
}

interface ErrorBody {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details?: Failure
    /** Also in the log of the peer, and of those it has asked. */
    readonly requestId: string
  }
}

interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

/** What a failure is told as. What is not expected is not told at all: it may say too much. */
export function describeError(error: unknown, requestId: string): ErrorAnswer {
  if (error instanceof HttpError) {
    const { status, headers, message } = error
    return { status, headers, body: { error: { code: httpCodes[status], message, requestId } } }
  }
  // About what was asked for; any other misuse is a bug of this program.
  if (error instanceof RangeError) {
    const { message } = error
    return { status: 400, headers: {}, body: { error: { code: 'RANGE', message, requestId } } }
  }
  const code = codeOf(error)
  if (code === undefined) return internal(requestId)
  const { message, details } = error as HoldfastError
  const status = statuses[code] ?? 500
  return {
    status,
    headers: headersFor(status, details),
    body: { error: { code, message, details, requestId } },
  }
}

const internal = (requestId: string): ErrorAnswer => ({
  status: 500,
  headers: {},
  body: { error: { code: 'INTERNAL', message: 'see the log of the peer', requestId } },
})

/** What tells a client when to come back, and how much there is. */
function headersFor(status: number, details: Failure): Record<string, string> {
  if (details.code === 'RANGE_UNSATISFIABLE')
    return { 'content-range': `bytes */${details.sizeBytes}` }
  return status === 503 ? { 'retry-after': '1' } : {}
}
