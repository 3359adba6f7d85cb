import { codeOf, type Failure } from '../base/errors.ts'

/** What to do next, where the failure itself does not say it. */
const hints: { readonly [Code in Failure['code']]?: string } = {
  ADDRESS_IN_USE: 'choose another one, or none: then the next free port is taken',
  AMBIGUOUS: '`holdfast peers` shows the ids; give one of them instead of the name',
  BUCKET_EXISTS: '`holdfast buckets` lists what there is',
  BUCKET_NOT_EMPTY: '`holdfast rm --recursive BUCKET/` empties it',
  BUSY: 'try again in a moment',
  DIRECTORY_LOCKED: 'one directory is one peer; use another one by --data',
  INVITE_MALFORMED: 'copy it again, whole, as one word',
  JOIN_REFUSED: 'make another one with `holdfast invite` on the peer that made the network',
  KEY_NEEDED: 'it was stored under a key of its own; ask who stored it',
  NO_AUTHORITY: 'ask on the peer that made the network',
  NO_QUORUM: '`holdfast groups` shows who is missing; start them, or see `holdfast recover`',
  NO_SUCH_BUCKET: '`holdfast buckets` lists what there is, `holdfast buckets create` makes one',
  NO_SUCH_KEY: '`holdfast ls BUCKET/` lists what there is',
  NO_SUCH_VERSION: '`holdfast ls --versions BUCKET/KEY` lists what there is',
  NOT_A_MEMBER: '`holdfast peers` lists the members',
  OUTCOME_UNKNOWN: 'look whether it is done before you do it again',
  STORE_READONLY: 'free space on this machine, or raise --capacity',
  TOO_FEW_FRAGMENTS: '`holdfast placement BUCKET/KEY` shows who holds them; start those peers',
  TOO_FEW_PEERS: '`holdfast peers` shows who is there; start more',
}

/** For whoever sees this error on a terminal; undefined if there is nothing to add. */
export function hintFor(error: unknown): string | undefined {
  const code = codeOf(error)
  return code === undefined ? undefined : hints[code]
}
