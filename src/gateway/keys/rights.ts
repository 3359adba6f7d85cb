import { HoldfastError } from '../../base/errors.ts'

/** What a key may do: read, write and list objects; admin is all that, and the bucket itself. */
export const abilities = ['read', 'write', 'list', 'admin'] as const
export type Ability = (typeof abilities)[number]

/** Some abilities in some buckets, below a prefix. */
export interface Right {
  /** A bucket's name, or `*` for all there are and will be. */
  readonly bucket: string
  /** Empty for the whole bucket. */
  readonly prefix: string
  readonly allows: readonly Ability[]
}

const RIGHTS_MAX = 64
const NAME_CHARS_MAX = 63
const PREFIX_CHARS_MAX = 1024

export const ALL_RIGHTS: readonly Right[] = [{ bucket: '*', prefix: '', allows: ['admin'] }]

/** What is to be done where. Without a bucket: what concerns them all. */
export interface Deed {
  readonly ability: Ability
  readonly bucket: string | undefined
  /** A key, or the prefix of a list; undefined for the bucket itself. */
  readonly key: string | undefined
}

export const mayDo = (rights: readonly Right[], deed: Deed): boolean =>
  rights.some(right => covers(right, deed))

/** Whether there is anything in this bucket that they allow. */
export const mayEnter = (rights: readonly Right[], bucket: string): boolean =>
  rights.some(right => right.bucket === '*' || right.bucket === bucket)

function covers({ bucket, prefix, allows }: Right, deed: Deed): boolean {
  if (bucket !== '*' && bucket !== deed.bucket) return false
  if (!allows.includes(deed.ability) && !allows.includes('admin')) return false
  // To know where the bucket is, and that it is there, a part of it is enough.
  if (deed.key === undefined) return prefix === '' || deed.ability === 'list'
  return deed.key.startsWith(prefix)
}

/**
 * Rights out of JSON.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function rightsIn(value: unknown): readonly Right[] {
  if (!Array.isArray(value) || value.length > RIGHTS_MAX)
    throw invalid(`a list of at most ${RIGHTS_MAX} is needed`)
  return value.map(rightIn)
}

function rightIn(value: unknown): Right {
  if (typeof value !== 'object' || value === null) throw invalid('each is an object')
  const { bucket, prefix = '', allows, ...more } = value as Record<string, unknown>
  const [foreign] = Object.keys(more)
  if (foreign !== undefined) throw invalid(`there is no field ${foreign}`)
  if (typeof bucket !== 'string' || bucket === '' || bucket.length > NAME_CHARS_MAX)
    throw invalid('bucket is a name, or *')
  if (typeof prefix !== 'string' || prefix.length > PREFIX_CHARS_MAX)
    throw invalid('prefix is a text')
  if (!Array.isArray(allows) || allows.length === 0 || !allows.every(isAbility))
    throw invalid(`allows is a list out of ${abilities.join(', ')}`)
  return { bucket, prefix, allows }
}

const isAbility = (value: unknown): value is Ability => abilities.includes(value as Ability)

const invalid = (reason: string): HoldfastError =>
  new HoldfastError(`Cannot use these rights: ${reason}`, {
    code: 'CONFIG_INVALID',
    key: 'rights',
    reason,
  })
