import { codeOf } from '../../base/errors.ts'
import { proposals } from '../../catalog/command-codec.ts'
import type { Command } from '../../catalog/commands.ts'
import { isBucketName, isKey, type Place } from '../../catalog/position.ts'
import { errorOf } from '../../catalog/refusals.ts'

/** Where something belongs: the place of an object or content, or a bucket's own. */
export interface Placed {
  readonly bucket: string
  readonly key?: string
}

/**
 * The place by which the range of a command or question is found.
 * @throws {HoldfastError} `INVALID_COMMAND` for names that nothing can have
 */
export function placeOf({ bucket, key }: Placed): Place {
  if (!isBucketName(bucket)) throw invalid('bucket name')
  if (key !== undefined && !isKey(key)) throw invalid('key')
  return { bucket, key: key ?? '' }
}

/** A command for the log. @throws {HoldfastError} `INVALID_COMMAND`, `TOO_LARGE`: nothing was done */
export function proposalBytes(epoch: number, command: Command): Uint8Array<ArrayBuffer> {
  try {
    return proposals.encode({ epoch, command })
  } catch (error) {
    if (codeOf(error) === 'MALFORMED') throw invalid('encoding')
    throw error
  }
}

const invalid = (what: string): Error => errorOf({ code: 'INVALID_COMMAND', what })
