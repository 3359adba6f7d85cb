import type { Failure } from '../index.ts'
import { SomeFailed } from './transfer.ts'

export const EXIT_OK = 0
export const EXIT_USAGE = 2
/** 128 and the number of SIGPIPE, as shells have it. */
export const EXIT_UNREAD = 141
const EXIT_FAILED = 1
const EXIT_NOT_FOUND = 3
const EXIT_DENIED = 4
/** Another attempt may succeed. */
const EXIT_UNAVAILABLE = 5
/** It may be done or not; look before another attempt. */
const EXIT_UNKNOWN = 6

/** Codes that are not simply "failed". */
const exitCodes: Partial<Record<Failure['code'], number>> = {
  CONFIG_INVALID: EXIT_USAGE,
  INVALID_SCHEME: EXIT_USAGE,
  INVITE_MALFORMED: EXIT_USAGE,
  MALFORMED: EXIT_USAGE,
  INVALID_COMMAND: EXIT_USAGE,
  FILE_NOT_FOUND: EXIT_NOT_FOUND,
  NOT_A_MEMBER: EXIT_NOT_FOUND,
  NO_SUCH_ACCESS_KEY: EXIT_NOT_FOUND,
  NO_SUCH_BUCKET: EXIT_NOT_FOUND,
  NO_SUCH_KEY: EXIT_NOT_FOUND,
  NO_SUCH_UPLOAD: EXIT_NOT_FOUND,
  NO_SUCH_VERSION: EXIT_NOT_FOUND,
  FILE_FORBIDDEN: EXIT_DENIED,
  JOIN_REFUSED: EXIT_DENIED,
  NO_AUTHORITY: EXIT_DENIED,
  NOT_AUTHORISED: EXIT_DENIED,
  KEY_NEEDED: EXIT_DENIED,
  KEY_WRONG: EXIT_DENIED,
  OBJECT_LOCKED: EXIT_DENIED,
  BUSY: EXIT_UNAVAILABLE,
  GROUP_UNKNOWN: EXIT_UNAVAILABLE,
  NO_QUORUM: EXIT_UNAVAILABLE,
  NOT_RUNNING: EXIT_UNAVAILABLE,
  OUTCOME_UNKNOWN: EXIT_UNKNOWN,
  PEER_UNREACHABLE: EXIT_UNAVAILABLE,
  THREAD_LOST: EXIT_UNAVAILABLE,
  TIMEOUT: EXIT_UNAVAILABLE,
  TOO_FEW_FRAGMENTS: EXIT_UNAVAILABLE,
  TOO_FEW_PEERS: EXIT_UNAVAILABLE,
  RANGE_FROZEN: EXIT_UNAVAILABLE,
  STORE_READONLY: EXIT_UNAVAILABLE,
  WRITE_EXPIRED: EXIT_UNAVAILABLE,
}

/** What the system says of files of this machine. */
const systemExitCodes: Readonly<Record<string, number>> = {
  ENOENT: EXIT_NOT_FOUND,
  EACCES: EXIT_DENIED,
  EPERM: EXIT_DENIED,
}

/** What the program ends with after this error; where many failed, the first decides. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof SomeFailed) return exitCodeOf(error.cause)
  const { code } = error as { code?: string }
  if (code === undefined) return EXIT_FAILED
  return exitCodes[code as Failure['code']] ?? systemExitCodes[code] ?? EXIT_FAILED
}
