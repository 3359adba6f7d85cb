import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { api } from '../../src/gateway/api.ts'
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts'
import { keyRingOf } from '../../src/gateway/keys/key-ring.ts'
import { findAccess } from '../../src/gateway/local-access.ts'
import { descriptions } from '../../src/gateway/openapi/descriptions.ts'
import type { Schema } from '../../src/gateway/openapi/schema.ts'
import { silentLog } from '../../src/node/log.ts'
import { ask, sharedGateway, type Told } from '../support/gateway-scene.ts'
import { faultsIn } from '../support/json-schema.ts'

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: Schema }>>
  }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const shared = sharedGateway()
let served: Promise<Gateway> | undefined
let asked: Promise<Document> | undefined

/** With access keys, for some routes are about them. */
function start(): Promise<Gateway> {
  const { node, directory } = shared()
  const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
  return startGateway({ ...options, s3: { keys: keyRingOf(node) } })
}
after(async () => (await served)?.stop())

async function call(method: string, path: string, body?: unknown): Promise<Told> {
  const { url } = await (served ??= start())
  const { token } = await findAccess(shared().directory)
  return ask(url, path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

const documentServed = (): Promise<Document> =>
  (asked ??= call('GET', '/api/v1/openapi.json').then(({ body }) => JSON.parse(body) as Document))

async function operationAt(method: string, path: string): Promise<Operation> {
  const { paths } = await documentServed()
  const operation = paths[path]?.[method.toLowerCase()]
  if (operation === undefined) throw new Error(`${method} ${path} is not described`)
  return operation
}

/** The values of the answers before, by which later calls name what there is. */
const known: Record<string, string> = {}

test('every route is described, and nothing else', async () => {
  const document = await documentServed()
  assert.equal(document.openapi, '3.1.0')
  const told = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map(method => `${method.toUpperCase()} ${path}`),
  )
  const there = api.names.map(name => name.replaceAll(/[:*](\w+)/g, '{$1}'))
  assert.deepEqual(new Set(told), new Set(there))
  assert.deepEqual(new Set(Object.keys(descriptions)), new Set(api.names))
})

const at = { bucket: 'described', key: 'k' }
/** In this order: later ones are about what earlier ones made. */
const calls: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['GET', '/api/v1/openapi.json'],
  ['GET', '/api/v1/status'],
  ['GET', '/api/v1/clock'],
  ['GET', '/api/v1/overview'],
  ['GET', '/api/v1/health'],
  ['GET', '/api/v1/history'],
  ['GET', '/api/v1/clocks'],
  ['GET', '/api/v1/peers'],
  ['GET', '/api/v1/groups'],
  ['GET', '/api/v1/upkeep'],
  ['GET', '/api/v1/repairs'],
  ['GET', '/api/v1/drains'],
  ['GET', '/api/v1/authority'],
  ['POST', '/api/v1/login-links', {}],
  ['POST', '/api/v1/invites', { role: 'storage', uses: 1, expiresInMs: 60_000, zone: 'z' }],
  ['POST', '/api/v1/keys', { name: 'n', rights: [{ bucket: '*', allows: ['read'] }] }],
  ['GET', '/api/v1/keys'],
  ['POST', '/api/v1/keys/{id}/rotate'],
  ['DELETE', '/api/v1/keys/{id}'],
  ['POST', '/api/v1/kv/put', { key: 'a', value: 'AQ==' }],
  ['POST', '/api/v1/kv/get', { key: 'a' }],
  ['POST', '/api/v1/kv/list', { prefix: '' }],
  ['POST', '/api/v1/kv/changes', { prefix: '', after: 0 }],
  ['POST', '/api/v1/kv/cas', { key: 'c', value: 'AQ==', ifAbsent: true }],
  ['POST', '/api/v1/kv/delete', { key: 'a' }],
  ['POST', '/api/v1/kv/get', { key: 'a' }],
  ['PUT', '/api/v1/buckets/{bucket}', { versioning: 'enabled', hasLock: false }],
  ['PATCH', '/api/v1/buckets/{bucket}', { versioning: 'enabled' }],
  ['GET', '/api/v1/buckets'],
  ['GET', '/api/v1/buckets/{bucket}'],
  ['PUT', '/api/v1/objects/{bucket}/{key}', 'x'.repeat(10_000)],
  ['GET', '/api/v1/buckets/{bucket}/usage'],
  ['GET', '/api/v1/buckets/{bucket}/objects'],
  ['GET', '/api/v1/buckets/{bucket}/versions'],
  ['GET', '/api/v1/stat/{bucket}/{key}'],
  ['GET', '/api/v1/parts/{bucket}/{key}'],
  ['GET', '/api/v1/placement/{bucket}/{key}'],
  ['GET', '/api/v1/matrix/{bucket}/{key}'],
  ['POST', '/api/v1/verify/{bucket}/{key}', { segment: 0 }],
  ['PUT', '/api/v1/tags/{bucket}/{key}', { tags: { a: 'b' } }],
  ['POST', '/api/v1/links', { ...at, expiresInMs: 1_000, isDownload: true }],
  ['POST', '/api/v1/copies', { from: at, to: { ...at, key: 'l' }, headers: {}, tags: {} }],
  ['DELETE', '/api/v1/objects/{bucket}/{key}'],
  ['GET', '/api/v1/peers/{peer}'],
  ['GET', '/api/v1/peers/{peer}/fragments'],
  ['PATCH', '/api/v1/peers/{peer}', { name: 'other' }],
  ['POST', '/api/v1/rebalance', { dryRun: true }],
  ['GET', '/api/v1/ranges'],
]

for (const [method, path, body] of calls)
  test(`${method} ${path} takes and answers what its description says`, async () => {
    const { requestBody, responses } = await operationAt(method, path)
    const taken = requestBody?.content['application/json']?.schema
    if (taken !== undefined) assert.deepEqual(faultsIn(body ?? {}, taken), [])
    const names = { ...at, ...known, peer: shared().node.status().peer }
    const concrete = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => names[name as 'key'])
    const told = await call(method, concrete, body)
    const expected = responses[String(told.status)]
    assert.ok(expected, `${told.status} ${told.body}`)
    const answer = JSON.parse(told.body) as Record<string, unknown>
    const schema = expected.content?.['application/json']?.schema
    assert.ok(schema)
    assert.deepEqual(faultsIn(answer, schema), [])
    if (typeof answer['id'] === 'string') known['id'] = answer['id']
  })

test('errors are what the description says of them', async () => {
  const { responses } = await operationAt('GET', '/api/v1/status')
  const schema = responses['default']?.content?.['application/json']?.schema ?? {}
  for (const path of [
    '/api/v1/buckets/nowhere',
    '/api/v1/buckets/described/usage?x=1',
    '/api/v1/nothing',
  ])
    assert.deepEqual(faultsIn(JSON.parse((await call('GET', path)).body), schema), [], path)
})

test('bodies with a field that is not described are refused where they are read', async () => {
  for (const [method, path, body] of calls) {
    const { requestBody } = await operationAt(method, path)
    if (requestBody?.content['application/json'] === undefined || path.includes('{')) continue
    const { status, body: text } = await call(method, path, { ...(body as object), planted: 1 })
    assert.equal(status, 400, `${method} ${path}: ${text}`)
    assert.match(text, /There is no field planted/)
  }
})

test('parameters that are described are read, and others refused', async () => {
  for (const [path, operations] of Object.entries((await documentServed()).paths)) {
    const parameters = operations['get']?.parameters.filter(each => each.in === 'query') ?? []
    if (parameters.length === 0 || path === '/api/v1/events') continue
    const concrete = path.replace('{bucket}', at.bucket).replace('{key}', 'l')
    const refusal = async (name: string): Promise<boolean> =>
      (await call('GET', `${concrete}?${name}=0`)).body.includes(`There is no parameter ${name}`)
    for (const { name } of parameters) assert.ok(!(await refusal(name)), `${path} ${name}`)
    assert.ok(await refusal('planted'), path)
  }
})

test('the checker of schemas finds what is wrong', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 0 } },
    required: ['a'],
  }
  assert.deepEqual(faultsIn({ a: 1 }, schema), [])
  for (const wrong of [{}, { a: -1 }, { a: 1.5 }, { a: '1' }, [], null])
    assert.equal(faultsIn(wrong, schema).length, 1)
  const closed = { ...schema, additionalProperties: false }
  assert.deepEqual(faultsIn({ a: 1, b: 2 }, closed), ['$.b is not known'])
})
