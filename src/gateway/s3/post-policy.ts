/** The policy of a form: signed by whoever made it, it says what may be uploaded with it. */
import { Buffer } from 'node:buffer'

import { S3Error } from './s3-error.ts'

export type FormFields = ReadonlyMap<string, string>

type Condition =
  | { readonly type: 'is'; readonly field: string; readonly value: string }
  | { readonly type: 'starts-with'; readonly field: string; readonly value: string }
  | { readonly type: 'length'; readonly least: number; readonly most: number }

export interface PostPolicy {
  readonly expiresMs: number
  readonly conditions: readonly Condition[]
}

const CONDITIONS_MAX = 200
/** What need not be named in a policy. */
const free = ['file', 'policy', 'x-amz-signature', 'x-amz-algorithm', 'awsaccesskeyid', 'signature']

/** @throws {S3Error} `InvalidPolicyDocument` */
export function readPostPolicy(base64: string): PostPolicy {
  const { expiration, conditions } = jsonIn(base64)
  const expiresMs = Date.parse(typeof expiration === 'string' ? expiration : '')
  if (Number.isNaN(expiresMs)) throw invalid("missing 'expiration'")
  if (!Array.isArray(conditions) || conditions.length > CONDITIONS_MAX)
    throw invalid("missing 'conditions'")
  return { expiresMs, conditions: conditions.flatMap(conditionsIn) }
}

/**
 * Whether a form is as its policy wants it.
 * @throws {S3Error} `AccessDenied`
 */
export function checkPostPolicy(
  { expiresMs, conditions }: PostPolicy,
  fields: FormFields,
  nowMs: number,
): void {
  if (expiresMs <= nowMs) throw denied('Policy expired')
  const named = new Set<string>()
  for (const condition of conditions) {
    if (condition.type === 'length') continue
    named.add(condition.field)
    const value = fields.get(condition.field) ?? ''
    const holds =
      condition.type === 'is' ? value === condition.value : value.startsWith(condition.value)
    if (!holds)
      throw denied(
        `Policy Condition failed: ["${condition.type}", "$${condition.field}", "${condition.value}"]`,
      )
  }
  const extra = [...fields.keys()].find(
    name => !named.has(name) && !free.includes(name) && !name.startsWith('x-ignore-'),
  )
  if (extra !== undefined) throw denied(`Extra input fields: ${extra}`)
}

/** How many bytes the policy allows. */
export function lengthsOf({ conditions }: PostPolicy): {
  readonly least: number
  readonly most: number
} {
  const lengths = conditions.flatMap(condition => (condition.type === 'length' ? [condition] : []))
  return {
    least: Math.max(0, ...lengths.map(({ least }) => least)),
    most: Math.min(Number.MAX_SAFE_INTEGER, ...lengths.map(({ most }) => most)),
  }
}

function jsonIn(base64: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw invalid('it is no JSON')
}

function conditionsIn(value: unknown): readonly Condition[] {
  if (Array.isArray(value)) return [listed(value)]
  if (typeof value !== 'object' || value === null)
    throw invalid('a condition is a list or an object')
  return Object.entries(value).map(([field, wanted]) => ({
    type: 'is',
    field: field.toLowerCase(),
    value: String(wanted),
  }))
}

function listed([operator, first, second, ...more]: readonly unknown[]): Condition {
  const name = typeof operator === 'string' ? operator.toLowerCase() : ''
  if (more.length > 0) throw invalid('a condition has three elements')
  if (name === 'content-length-range') {
    const [least, most] = [Number(first), Number(second)]
    if (Number.isSafeInteger(least) && Number.isSafeInteger(most))
      return { type: 'length', least, most }
  }
  if (
    (name === 'eq' || name === 'starts-with') &&
    typeof first === 'string' &&
    first.startsWith('$')
  )
    return {
      type: name === 'eq' ? 'is' : 'starts-with',
      field: first.slice(1).toLowerCase(),
      value: String(second),
    }
  throw invalid('a condition is not understood')
}

const invalid = (why: string): S3Error =>
  new S3Error('InvalidPolicyDocument', `Invalid Policy: Invalid JSON: ${why}`)

const denied = (why: string): S3Error =>
  new S3Error('AccessDenied', `Invalid according to Policy: ${why}`)
