/**
 * When objects end by themselves. A bucket's rules are one of its documents; `LifecycleJudge` reads
 * its versions in the order of a list and says, key by key, which of them are over and since when.
 *
 * What it says is a proposal: the command that carries it out (`expire`) names the history that was
 * judged, the moment each version was over and the tags that made it so, and is void where any of
 * that is not so any more. So nobody loses what was written, or saved, after somebody looked.
 *
 * Days count from when a version was written, or from when it ceased to be the current one, and end
 * at the next midnight (UTC), as everywhere else where there is S3.
 */
import { toUtf8 } from '../base/bytes.ts'
import type { Command, Doomed } from './commands.ts'
import type { VersionEntry } from './query-objects.ts'
import type { Pair, Version } from './records.ts'
import type { Stamp } from './stamp.ts'

/** The document of a bucket that holds its rules. */
export const LIFECYCLE = 'lifecycle'

export interface LifecycleRule {
  readonly id: string
  readonly isEnabled: boolean
  readonly prefix: string
  readonly tags: readonly { readonly key: string; readonly value: string }[]
  readonly sizeAbove?: number | undefined
  readonly sizeBelow?: number | undefined
  /** Days after which a current version ends. */
  readonly expireDays?: number | undefined
  /** Or the day, milliseconds since 1970. */
  readonly expireAtMs?: number | undefined
  /** Delete markers with no version behind them go. */
  readonly dropsMarkers?: boolean | undefined
  readonly noncurrentDays?: number | undefined
  /** So many noncurrent versions stay, the newest. */
  readonly noncurrentKept?: number | undefined
  readonly abortDays?: number | undefined
}

const DAY_MS = 86_400_000
/** Of one key that one look finds to be over; the rest is found by the next. */
const DOOMED_MAX = 1_024

/** The rules that count; none of a document that holds none. */
export function rulesIn(document: Uint8Array): readonly LifecycleRule[] {
  try {
    const rules = JSON.parse(toUtf8(document)) as unknown
    return Array.isArray(rules) ? rules.filter(isRule).filter(({ isEnabled }) => isEnabled) : []
  } catch {
    return []
  }
}

const isRule = (rule: Partial<LifecycleRule> | null): rule is LifecycleRule =>
  typeof rule?.prefix === 'string' && Array.isArray(rule.tags) && rule.isEnabled === true

/** What all keys that any rule is about begin with. */
export function commonPrefixOf(rules: readonly LifecycleRule[]): string {
  const [first = '', ...others] = rules.map(({ prefix }) => prefix)
  let size = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, size))) size--
  return first.slice(0, size)
}

/** The midnight at which so many days are over. */
export const endOfDays = (sinceMs: number, days: number): number =>
  Math.ceil((sinceMs + days * DAY_MS) / DAY_MS) * DAY_MS

/** When an upload that nobody completes is over; undefined if it never is. */
export const uploadEnd = (
  rules: readonly LifecycleRule[],
  { key, sinceMs }: { readonly key: string; readonly sinceMs: number },
): number | undefined =>
  earliest(
    rules.map(({ prefix, abortDays }) =>
      abortDays === undefined || !key.startsWith(prefix)
        ? undefined
        : endOfDays(sinceMs, abortDays),
    ),
  )

/** When the current version of a key ends, and which rule says so. */
export function currentEnd(
  rules: readonly LifecycleRule[],
  object: ExpiringObject,
): { readonly endMs: number; readonly rule: LifecycleRule } | undefined {
  const ends = rules.flatMap(rule => {
    const endMs = isAbout(rule, object) ? endOf(rule, object.sinceMs) : undefined
    return endMs === undefined ? [] : [{ endMs, rule }]
  })
  return ends.toSorted((a, b) => a.endMs - b.endMs)[0]
}

export interface ExpiringObject {
  readonly key: string
  readonly tags: readonly Pair[]
  readonly sizeBytes: number
  /** When it was written. */
  readonly sinceMs: number
}

/** What is over of one key, and of which history it was said. */
export type Expiry = Omit<Extract<Command, { readonly type: 'expire' }>, 'type' | 'bucket'>

export class LifecycleJudge {
  readonly #rules: readonly LifecycleRule[]
  readonly #nowMs: number
  #key: KeySeen | undefined

  constructor(rules: readonly LifecycleRule[], nowMs: number) {
    this.#rules = rules
    this.#nowMs = nowMs
  }

  /** Takes the next version of the list. Returns what is over of the key before, once that is known. */
  see(entry: VersionEntry): Expiry | undefined {
    const before = this.#key?.key === entry.key ? undefined : this.end()
    const seen = (this.#key ??= startOf(entry))
    const doomed = this.#doom(entry, seen)
    if (doomed !== undefined && seen.doomed.length < DOOMED_MAX) seen.doomed.push(doomed)
    seen.count++
    seen.newer = entry.version.stamp
    return before
  }

  /** The list is over. */
  end(): Expiry | undefined {
    const seen = this.#key
    this.#key = undefined
    if (seen === undefined) return undefined
    const { key, newest, count, marker } = seen
    const doomed = count === 1 && marker !== undefined ? [marker] : seen.doomed
    return doomed.length === 0 ? undefined : { key, ifNewest: newest, ifCount: count, doomed }
  }

  #doom({ key, version }: VersionEntry, seen: KeySeen): Doomed | undefined {
    const { stamp, body } = version
    const isMarker = body.type === 'marker'
    if (seen.count === 0 && isMarker) seen.marker = this.#overFrom(version, key, markerEnd)
    if (seen.count === 0)
      return isMarker ? undefined : this.#overFrom(version, key, rule => endOf(rule, stamp.ms))
    const { newer, count } = seen
    return this.#overFrom(version, key, ({ noncurrentDays, noncurrentKept = 0 }) =>
      noncurrentDays === undefined || count - 1 < noncurrentKept
        ? undefined
        : endOfDays(newer.ms, noncurrentDays),
    )
  }

  /** By the rule that ends it first. What is locked is spared a question that would be refused. */
  #overFrom(
    version: Version,
    key: string,
    end: (rule: LifecycleRule, version: Version) => number | undefined,
  ): Doomed | undefined {
    const { stamp, tags } = version
    const about = { ...version, key, sinceMs: stamp.ms }
    const found = this.#rules
      .filter(rule => isAbout(rule, about))
      .map(rule => ({ rule, dueMs: end(rule, version) }))
      .filter(({ dueMs = Infinity }) => dueMs <= this.#nowMs)
      // A rule that looks at no tags asks for none to stay as they are.
      .toSorted((a, b) => a.rule.tags.length - b.rule.tags.length)[0]
    if (found?.dueMs === undefined) return undefined
    return { stamp, dueMs: found.dueMs, ifTags: found.rule.tags.length > 0 ? tags : undefined }
  }
}

/** What the judge remembers of a key while its versions pass. */
interface KeySeen {
  readonly key: string
  readonly newest: Stamp
  readonly doomed: Doomed[]
  /** How many versions have passed. */
  count: number
  /** The last of them. */
  newer: Stamp
  /** The newest, if it is a delete marker that may go once nothing is behind it. */
  marker: Doomed | undefined
}

const startOf = ({ key, version: { stamp } }: VersionEntry): KeySeen => ({
  key,
  newest: stamp,
  doomed: [],
  count: 0,
  newer: stamp,
  marker: undefined,
})

const endOf = ({ expireDays, expireAtMs }: LifecycleRule, sinceMs: number): number | undefined =>
  expireDays === undefined ? expireAtMs : endOfDays(sinceMs, expireDays)

/** A marker with nothing behind it is over at once if a rule says so, else as a version would be. */
const markerEnd = (rule: LifecycleRule, { stamp }: Version): number | undefined =>
  rule.dropsMarkers === true ? 0 : endOf(rule, stamp.ms)

function isAbout(
  { prefix, tags, sizeAbove, sizeBelow }: LifecycleRule,
  { key, tags: own, sizeBytes }: Omit<ExpiringObject, 'sinceMs'>,
): boolean {
  if (!key.startsWith(prefix)) return false
  if (sizeAbove !== undefined && sizeBytes <= sizeAbove) return false
  if (sizeBelow !== undefined && sizeBytes >= sizeBelow) return false
  return tags.every(tag => own.some(({ name, value }) => name === tag.key && value === tag.value))
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter(ms => ms !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
