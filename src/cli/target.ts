import { HoldfastError } from '../base/errors.ts'

/** Where something is in the network, as people write it. */
export interface Target {
  readonly bucket: string
  /** Empty: the bucket itself, or everything in it. */
  readonly key: string
}

/** For the help of every command that takes one. */
export const TARGET_HELP: string =
  'BUCKET/KEY: what stands before the first slash is the bucket, what stands behind it the key,\n' +
  'as it is. Slashes in keys are read as folders.'

/** @throws {HoldfastError} `CONFIG_INVALID` */
export function parseTarget(text: string): Target {
  const slash = text.indexOf('/')
  const [bucket, key] = slash === -1 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)]
  if (bucket !== '' && bucket !== '.' && bucket !== '..') return { bucket, key }
  throw unusable(text, 'it begins with no bucket; write BUCKET/KEY, or BUCKET alone')
}

/** @throws {HoldfastError} `CONFIG_INVALID` if there is no key */
export function parseObject(text: string): Target {
  const target = parseTarget(text)
  if (target.key !== '') return target
  throw unusable(text, `it names no object; write ${target.bucket}/KEY`)
}

/** The target of one file or object that goes where a folder or a bucket was named. */
export const inside = ({ bucket, key }: Target, name: string): Target =>
  key === '' || key.endsWith('/') ? { bucket, key: `${key}${name}` } : { bucket, key }

/** What all keys in a folder begin with. */
export const folderPrefix = (key: string): string =>
  key === '' || key.endsWith('/') ? key : `${key}/`

/** The last name of a key. */
export const baseName = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

export const textOf = ({ bucket, key }: Target): string =>
  key === '' ? bucket : `${bucket}/${key}`

/** A path of the API; what could end a segment is encoded, slashes of the key included. */
export const objectPath = (root: string, { bucket, key }: Target): string =>
  `/api/v1/${root}/${encodeURIComponent(bucket)}/${encodeURIComponent(key)}`

export const bucketPath = (bucket: string, rest = ''): string =>
  `/api/v1/buckets/${encodeURIComponent(bucket)}${rest}`

/** `?a=b&c=d` of what is defined; empty if nothing is. */
export function queryOf(fields: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query.toString()}`
}

const unusable = (text: string, reason: string): HoldfastError =>
  new HoldfastError(`Cannot use '${text}': ${reason}`, {
    code: 'CONFIG_INVALID',
    key: 'target',
    reason,
  })
