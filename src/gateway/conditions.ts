import type { IncomingHttpHeaders } from 'node:http'

/** What an object is now, as conditions see it. */
export interface Validators {
  readonly etag: string
  readonly modified: Date
}

export type Verdict = 'go on' | 'not modified' | 'failed'

/** Whether a read goes on, by the order of RFC 9110 §13.2.2. */
export function judgeRead(headers: IncomingHttpHeaders, now: Validators): Verdict {
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, now.etag)) return 'failed'
  } else if (isNewer(now, headers['if-unmodified-since'])) return 'failed'
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, now.etag) ? 'not modified' : 'go on'
  const since = headers['if-modified-since']
  return timeOf(since) !== undefined && !isNewer(now, since) ? 'not modified' : 'go on'
}

/** Whether a range is wanted of this state of the object, by its If-Range. */
export function rangeHolds(ifRange: string | undefined, now: Validators): boolean {
  if (ifRange === undefined) return true
  if (ifRange.startsWith('"')) return unquote(ifRange) === now.etag
  return !ifRange.startsWith('W/') && timeOf(ifRange) === secondsOf(now.modified)
}

/** An ETag without its quotes. */
export const unquote = (etag: string): string => etag.trim().replace(/^"(.*)"$/, '$1')

const matches = (list: string, etag: string): boolean =>
  list.trim() === '*' ||
  list.split(',').some(each => unquote(each.trim().replace(/^W\//, '')) === etag)

const isNewer = ({ modified }: Validators, header: string | undefined): boolean => {
  const time = timeOf(header)
  return time !== undefined && secondsOf(modified) > time
}

/** Headers tell whole seconds. */
const secondsOf = (date: Date): number => Math.floor(date.getTime() / 1000)

function timeOf(header: string | undefined): number | undefined {
  const ms = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}
