import type { Conditions } from './commands.ts'
import type { Place } from './position.ts'
import type { Version } from './records.ts'
import { refuse } from './refusals.ts'

/**
 * Whether a command may happen, by the version that is there now; undefined or a delete marker is
 * none. As in HTTP an etag says more than a date, so a date beside one of its kind is not looked at.
 */
export function checkConditions(
  { ifMatch, ifNoneMatch, ...more }: Conditions,
  version: Version | undefined,
  place: Place,
): void {
  const there = version?.body.type === 'marker' ? undefined : version
  const isAsked = ifMatch.length > 0 || Object.values(more).some(value => value !== undefined)
  if (isAsked && there === undefined) {
    refuse({ code: 'NO_SUCH_KEY', bucket: place.bucket, key: place.key })
  }
  if (there === undefined) return
  const { ifSizeBytes, ifModifiedSinceMs: newerThan, ifUnmodifiedSinceMs: notAfter } = more
  const seconds = Math.floor(there.stamp.ms / 1000)
  if (ifMatch.length > 0) demand(names(ifMatch, there.etag), 'ifMatch')
  else if (notAfter !== undefined) demand(seconds <= notAfter / 1000, 'ifUnmodifiedSince')
  if (ifNoneMatch.length > 0) demand(!names(ifNoneMatch, there.etag), 'ifNoneMatch')
  else if (newerThan !== undefined) demand(seconds > newerThan / 1000, 'ifModifiedSince')
  if (ifSizeBytes !== undefined) demand(there.sizeBytes === ifSizeBytes, 'ifSizeBytes')
}

function demand(holds: boolean, condition: string): void {
  if (!holds) refuse({ code: 'PRECONDITION_FAILED', condition })
}

const names = (etags: readonly string[], etag: string): boolean =>
  etags.includes('*') || etags.includes(etag)
