import { Buffer } from 'node:buffer'

import type { HoldfastNode } from '../node/create-node.ts'
import type { KvCondition, KvEntry } from '../node/kv/node-kv.ts'
import { bytesIn, type Fields, naturalIn, onlyFields, textIn } from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { ok, type Route } from './route.ts'

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
type Kv = HoldfastNode['kv']

const DEADLINE_MS_MAX = 60_000

const calls: Readonly<Record<string, (kv: Kv, body: Fields) => Promise<unknown>>> = {
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
    onlyFields(body, ['prefix', 'after', 'deadlineMs'])
    const after = textIn(body, 'after', '')
    const { entries, isMore } = await kv.list(textIn(body, 'prefix', ''), {
      ...optionsIn(body),
      after,
    })
    return { entries: entries.map(viewOf), isMore }
  },
  async changes(kv, body) {
    onlyFields(body, ['prefix', 'after', 'deadlineMs'])
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

export const kvRoutes: readonly Route[] = Object.entries(calls).map(([name, call]) => ({
  method: 'POST',
  path: `/api/v1/kv/${name}`,
  run: async request => ok(await call(request.node.kv, await jsonBody(request))),
}))

/** An entry of the map as JSON. */
export interface KvEntryView {
  readonly key: string
  /** Base64. */
  readonly value: string
  readonly revision: number
}

const conditions = ['ifAbsent', 'ifRevision', 'ifValue'] as const

function conditionIn(body: Fields): KvCondition {
  const given = conditions.filter(name => Object.hasOwn(body, name))
  if (given.length !== 1) throw new HttpError(400, `Give exactly one of ${conditions.join(', ')}`)
  if (given[0] === 'ifRevision')
    return { type: 'revision', revision: naturalIn(body, 'ifRevision') }
  if (given[0] === 'ifValue') return { type: 'value', value: bytesIn(body, 'ifValue') }
  if (body['ifAbsent'] !== true) throw new HttpError(400, 'ifAbsent has an impossible value')
  return { type: 'absent' }
}

function read(body: Fields, known: readonly string[]) {
  onlyFields(body, ['key', 'deadlineMs', ...known])
  return { key: textIn(body, 'key'), options: optionsIn(body) }
}

function optionsIn(body: Fields): { deadlineMs?: number } {
  if (body['deadlineMs'] === undefined) return {}
  const deadlineMs = naturalIn(body, 'deadlineMs')
  if (deadlineMs < 1 || deadlineMs > DEADLINE_MS_MAX)
    throw new HttpError(400, `deadlineMs is from 1 to ${DEADLINE_MS_MAX}`)
  return { deadlineMs }
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const viewOf = ({ key, value, revision }: KvEntry): KvEntryView => ({
  key,
  value: toBase64(value),
  revision,
})
