import { type Fields, onlyFields, optionalText, queryFields } from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type AccessKey, viewOf } from './keys/access-key.ts'
import type { KeyRing } from './keys/key-ring.ts'
import { rightsIn } from './keys/rights.ts'
import { type Answer, type Call, ok, param, type Route } from './route.ts'

/** Access keys for S3. A secret is in the answer to what made it, and never again. */
export const keyRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/keys', run: list },
  { method: 'POST', path: '/api/v1/keys', run: create },
  { method: 'POST', path: '/api/v1/keys/:id/rotate', run: rotate },
  { method: 'DELETE', path: '/api/v1/keys/:id', run: revoke },
]

async function list(call: Call): Promise<Answer> {
  queryFields(call.query, [])
  return ok({ keys: await ringOf(call).list(call.signal) })
}

async function create(call: Call): Promise<Answer> {
  const body: Fields = await jsonBody(call)
  onlyFields(body, ['name', 'rights'])
  const name = optionalText(body, 'name')
  const rights = rightsIn(body['rights'])
  return shown(await ringOf(call).create({ name, rights, signal: call.signal }))
}

async function rotate(call: Call): Promise<Answer> {
  onlyFields(await jsonBody(call), [])
  return shown(await ringOf(call).rotate(param(call, 'id'), call.signal))
}

async function revoke(call: Call): Promise<Answer> {
  const id = param(call, 'id')
  await ringOf(call).revoke(id, call.signal)
  return ok({ revoked: id })
}

const shown = (key: AccessKey): Answer => ({
  status: 201,
  body: { ...viewOf(key), secret: key.secret },
})

function ringOf({ keys }: Call): KeyRing {
  if (keys !== undefined) return keys
  throw new HttpError(404, 'This peer serves no S3, so there are no access keys here')
}
