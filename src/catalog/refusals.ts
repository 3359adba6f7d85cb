import type { Failure } from '../base/errors.ts'
import { HoldfastError } from '../base/errors.ts'
import { type Codec, natural, struct, text, variant } from './codec.ts'

/** Why a command changed nothing, or a question has no answer. */
export type Refusal = Extract<
  Failure,
  {
    readonly code:
      | 'INVALID_COMMAND'
      | 'NO_SUCH_BUCKET'
      | 'BUCKET_EXISTS'
      | 'BUCKET_NOT_EMPTY'
      | 'BUCKET_FROZEN'
      | 'NO_SUCH_KEY'
      | 'NO_SUCH_VERSION'
      | 'NO_SUCH_UPLOAD'
      | 'NO_SUCH_SEGMENT'
      | 'PRECONDITION_FAILED'
      | 'INVALID_PART'
      | 'PART_TOO_SMALL'
      | 'OBJECT_LOCKED'
      | 'WRITE_EXPIRED'
      | 'CONTENT_TAKEN'
      | 'OUT_OF_RANGE'
      | 'STALE_EPOCH'
      | 'RANGE_FROZEN'
      | 'STALE_REVISION'
      | 'TOO_FEW_PEERS'
      | 'BEING_DROPPED'
  }
>

type Details<Code extends Refusal['code']> = Omit<Extract<Refusal, { code: Code }>, 'code'>

const name = text(1_200)
const bucket = struct<{ bucket: string }>({ bucket: name })
const key = struct<{ bucket: string; key: string }>({ bucket: name, key: name })
const group = struct<{ group: number; epoch: number }>({ group: natural(), epoch: natural() })

export const refusalCodec: Codec<Refusal> = variant<'code', Refusal>('code', {
  INVALID_COMMAND: [1, struct<Details<'INVALID_COMMAND'>>({ what: name })],
  NO_SUCH_BUCKET: [2, bucket],
  BUCKET_EXISTS: [3, struct<Details<'BUCKET_EXISTS'>>({ bucket: name, owner: name })],
  BUCKET_NOT_EMPTY: [4, bucket],
  BUCKET_FROZEN: [5, bucket],
  NO_SUCH_KEY: [6, key],
  NO_SUCH_VERSION: [
    7,
    struct<Details<'NO_SUCH_VERSION'>>({ bucket: name, key: name, version: name }),
  ],
  NO_SUCH_UPLOAD: [8, struct<Details<'NO_SUCH_UPLOAD'>>({ upload: name })],
  NO_SUCH_SEGMENT: [9, struct<Details<'NO_SUCH_SEGMENT'>>({ segment: name })],
  PRECONDITION_FAILED: [10, struct<Details<'PRECONDITION_FAILED'>>({ condition: name })],
  INVALID_PART: [11, struct<Details<'INVALID_PART'>>({ part: natural(), reason: name })],
  PART_TOO_SMALL: [
    12,
    struct<Details<'PART_TOO_SMALL'>>({ part: natural(), sizeBytes: natural(), least: natural() }),
  ],
  OBJECT_LOCKED: [13, struct<Details<'OBJECT_LOCKED'>>({ lock: name, untilMs: natural() })],
  WRITE_EXPIRED: [14, struct<Details<'WRITE_EXPIRED'>>({ content: name, untilMs: natural() })],
  CONTENT_TAKEN: [15, struct<Details<'CONTENT_TAKEN'>>({ content: name })],
  OUT_OF_RANGE: [16, group],
  STALE_EPOCH: [17, group],
  RANGE_FROZEN: [18, group],
  STALE_REVISION: [19, struct<Details<'STALE_REVISION'>>({ have: natural(), expected: natural() })],
  TOO_FEW_PEERS: [20, struct<Details<'TOO_FEW_PEERS'>>({ have: natural(), need: natural() })],
  BEING_DROPPED: [21, struct<Details<'BEING_DROPPED'>>({ seat: natural(), segment: name })],
})

const reasons: { readonly [Code in Refusal['code']]: string } = {
  INVALID_COMMAND: 'the command is not well-formed',
  NO_SUCH_BUCKET: 'there is no such bucket',
  BUCKET_EXISTS: 'the bucket exists',
  BUCKET_NOT_EMPTY: 'the bucket is not empty',
  BUCKET_FROZEN: 'the bucket is being deleted',
  NO_SUCH_KEY: 'there is no such object',
  NO_SUCH_VERSION: 'there is no such version',
  NO_SUCH_UPLOAD: 'there is no such upload',
  NO_SUCH_SEGMENT: 'there is no such segment',
  PRECONDITION_FAILED: 'a condition does not hold',
  INVALID_PART: 'a part is not as the upload says',
  PART_TOO_SMALL: 'a part is too small',
  OBJECT_LOCKED: 'the version is locked',
  WRITE_EXPIRED: 'the write took longer than its lease',
  CONTENT_TAKEN: 'the content is in use already',
  OUT_OF_RANGE: 'the place is in another range',
  STALE_EPOCH: 'the range has changed',
  RANGE_FROZEN: 'the range is being merged',
  STALE_REVISION: 'somebody else changed it',
  TOO_FEW_PEERS: 'too few peers have it durably',
  BEING_DROPPED: 'the peer is about to drop this fragment',
}

/** The refusal as what a caller of the API gets. */
export function errorOf(refusal: Refusal): HoldfastError {
  const { code, ...numbers } = refusal
  const shown = Object.entries(numbers).map(([field, value]) => `${field} ${value}`)
  return new HoldfastError(`${reasons[code]}: ${shown.join(', ')}`, refusal)
}

/** Ends a command or query; caught where it began, before anything was changed. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

export function refuse(refusal: Refusal): never {
  throw new Refused(refusal)
}

/** Refuses a command that no well-behaved sender would have sent. */
export function insist(condition: boolean, what: string): asserts condition {
  if (!condition) refuse({ code: 'INVALID_COMMAND', what })
}
