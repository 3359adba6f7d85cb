import { Buffer } from 'node:buffer'

import type { HoldfastNode } from '../node/create-node.ts'
import type { KvCondition, KvEntry } from '../node/kv/node-kv.ts'
import { HttpError } from './http-error.ts'

/**
 * The replicated map over HTTP. Values travel as base64; a deadline in milliseconds may be given
 * with each call.
 *
 *     get     key                                   → entry or null
 *     put     key, value                            → revision
 *     delete  key                                   → isDeleted
 *     cas     key, value or null, and one of        → isWritten, revision or entry
 *             ifAbsent: true, ifRevision, ifValue
 *     list    prefix, after                         → entries, isMore
 *     changes prefix, after (without it: from now)  → changes, through
 */
type Body = Record<string, unknown>
type Kv = HoldfastNode['kv']

const DEADLINE_MS_MAX = 60_000

export const kvCalls: Readonly<Record<string, (kv: Kv, body: Body) => Promise<unknown>>> = {
  async get(kv, body) {
    const { key, options } = read(body, [])
    const entry = await kv.get(key, options)
    return { entry: entry === undefined ? null : viewOf(entry) }
  },
  async put(kv, body) {
    const { key, options } = read(body, ['value'])
    return { revision: await kv.put(key, bytesIn(body, 'value'), options) }
  },
  async delete(kv, body) {
    const { key, options } = read(body, [])
    return { isDeleted: await kv.delete(key, options) }
  },
  async cas(kv, body) {
    const { key, options } = read(body, ['value', ...conditions])
    const value = body['value'] === null ? undefined : bytesIn(body, 'value')
    const answer = await kv.cas({ key, expected: conditionIn(body), value }, options)
    if (answer.type === 'written') return { isWritten: true, revision: answer.revision }
    return { isWritten: false, entry: answer.entry === undefined ? null : viewOf(answer.entry) }
  },
  async list(kv, body) {
    onlyKeys(body, ['prefix', 'after', 'deadlineMs'])
    const after = textIn(body, 'after', '')
    const { entries, isMore } = await kv.list(textIn(body, 'prefix', ''), {
      ...optionsIn(body),
      after,
    })
    return { entries: entries.map(viewOf), isMore }
  },
  async changes(kv, body) {
    onlyKeys(body, ['prefix', 'after', 'deadlineMs'])
    const options = optionsIn(body)
    const prefix = textIn(body, 'prefix', '')
    const after = body['after'] === undefined ? undefined : naturalIn(body, 'after')
    const { changes, through } =
      after === undefined
        ? { changes: [], through: await kv.revision(options) }
        : await kv.changes(prefix, after, options)
    const views = changes.map(({ key, value, revision }) => ({
      key,
      value: value === undefined ? null : toBase64(value),
      revision,
    }))
    return { changes: views, through }
  },
}

/** An entry of the map as JSON. */
export interface KvEntryView {
  readonly key: string
  /** Base64. */
  readonly value: string
  readonly revision: number
}

const conditions = ['ifAbsent', 'ifRevision', 'ifValue'] as const

function conditionIn(body: Body): KvCondition {
  const given = conditions.filter(name => Object.hasOwn(body, name))
  if (given.length !== 1) throw new HttpError(400, `Give exactly one of ${conditions.join(', ')}`)
  if (given[0] === 'ifRevision')
    return { type: 'revision', revision: naturalIn(body, 'ifRevision') }
  if (given[0] === 'ifValue') return { type: 'value', value: bytesIn(body, 'ifValue') }
  if (body['ifAbsent'] !== true) throw new HttpError(400, 'ifAbsent has an impossible value')
  return { type: 'absent' }
}

function read(body: Body, known: readonly string[]) {
  onlyKeys(body, ['key', 'deadlineMs', ...known])
  return { key: textIn(body, 'key'), options: optionsIn(body) }
}

function optionsIn(body: Body): { deadlineMs?: number } {
  if (body['deadlineMs'] === undefined) return {}
  const deadlineMs = naturalIn(body, 'deadlineMs')
  if (deadlineMs < 1 || deadlineMs > DEADLINE_MS_MAX)
    throw new HttpError(400, `deadlineMs is from 1 to ${DEADLINE_MS_MAX}`)
  return { deadlineMs }
}

function textIn(body: Body, name: string, otherwise?: string): string {
  const value = body[name] ?? otherwise
  if (typeof value === 'string') return value
  throw new HttpError(400, value === undefined ? `${name} is missing` : `${name} is no text`)
}

function naturalIn(body: Body, name: string): number {
  const value = body[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new HttpError(400, `${name} has an impossible value`)
}

function bytesIn(body: Body, name: string): Uint8Array {
  const text = textIn(body, name)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new HttpError(400, `${name} is no base64`)
  return new Uint8Array(bytes)
}

function onlyKeys(body: Body, known: readonly string[]): void {
  const unknown = Object.keys(body).find(key => !known.includes(key))
  if (unknown !== undefined) throw new HttpError(400, `There is no field ${unknown}`)
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const viewOf = ({ key, value, revision }: KvEntry): KvEntryView => ({
  key,
  value: toBase64(value),
  revision,
})
