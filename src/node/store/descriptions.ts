import { type Conditions, NO_CONDITIONS } from '../../catalog/commands.ts'
import type { FoundObject } from '../../catalog/query-objects.ts'
import type {
  Description,
  Pair,
  Retention as StoredRetention,
  Version,
} from '../../catalog/records.ts'
import type {
  ListedObject,
  ObjectInfo,
  ObjectPlace,
  ObjectSettings,
  Retention,
  WriteConditions,
} from './store.ts'

/** What the catalog keeps of an object, and how the users of the store see it. */

/** Says in the catalog that readers must bring a key; users do not see it. */
const KEY_HEADER = 'holdfast-key'

export function descriptionOf(
  settings: ObjectSettings,
  facts: { readonly sizeBytes: number; readonly etag: string; readonly needsKey?: boolean },
): Description {
  const { headers = {}, checksums = {}, tags = {}, retention, hasLegalHold = false } = settings
  return {
    sizeBytes: facts.sizeBytes,
    etag: facts.etag,
    headers: headerPairs(headers, facts.needsKey ?? false),
    checksums: pairsOf(checksums),
    tags: pairsOf(tags),
    retention: storedRetention(retention),
    hasLegalHold,
  }
}

export function settingsOf(description: Description): ObjectSettings {
  const { headers, checksums, tags, retention, hasLegalHold } = description
  return {
    headers: shownHeaders(headers),
    checksums: recordOf(checksums),
    tags: recordOf(tags),
    retention: shownRetention(retention),
    hasLegalHold,
  }
}

export const headerPairs = (
  headers: Readonly<Record<string, string>>,
  needsKey: boolean,
): readonly Pair[] => [
  ...pairsOf(headers).filter(({ name }) => name !== KEY_HEADER),
  ...(needsKey ? [{ name: KEY_HEADER, value: 'caller' }] : []),
]

export const needsKey = ({ headers }: Pick<Description, 'headers'>): boolean =>
  headers.some(({ name }) => name === KEY_HEADER)

export const storedRetention = (retention: Retention | undefined): StoredRetention | undefined =>
  retention && { mode: retention.mode, untilMs: retention.until.getTime() }

const shownRetention = (retention: StoredRetention | undefined): Retention | undefined =>
  retention && { mode: retention.mode, until: new Date(retention.untilMs) }

export function infoOf({ bucket, key }: ObjectPlace, { id, version }: FoundObject): ObjectInfo {
  return {
    bucket,
    key,
    version: id,
    sizeBytes: version.sizeBytes,
    etag: version.etag,
    modified: new Date(version.stamp.ms),
    headers: shownHeaders(version.headers),
    tags: recordOf(version.tags),
    checksums: recordOf(version.checksums),
    parts: version.parts,
    retention: shownRetention(version.retention),
    hasLegalHold: version.hasLegalHold,
    needsKey: needsKey(version),
  }
}

export const listedOf = (key: string, id: string, version: Version): ListedObject => ({
  key,
  version: id,
  sizeBytes: version.sizeBytes,
  etag: version.etag,
  modified: new Date(version.stamp.ms),
})

export const conditionsOf = ({ ifMatch, ifNoneMatch }: WriteConditions): Conditions => ({
  ...NO_CONDITIONS,
  ifMatch: ifMatch === undefined ? [] : [ifMatch],
  ifNoneMatch: ifNoneMatch === undefined ? [] : [ifNoneMatch],
})

export const pairsOf = (record: Readonly<Record<string, string>>): readonly Pair[] =>
  Object.entries(record).map(([name, value]) => ({ name, value }))

export const recordOf = (pairs: readonly Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.map(({ name, value }) => [name, value]))

const shownHeaders = (headers: readonly Pair[]): Record<string, string> =>
  recordOf(headers.filter(({ name }) => name !== KEY_HEADER))
