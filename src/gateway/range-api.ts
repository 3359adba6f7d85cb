import { onlyFields, optionalText, textIn } from './fields.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, type Route } from './route.ts'

/** The ranges of the catalog, and where people want one to end. */
export const rangeRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/ranges', run: list },
  { method: 'POST', path: '/api/v1/ranges', run: split },
]

async function list({ node, signal }: Call): Promise<Answer> {
  return ok(await node.ranges({ signal }))
}

async function split(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['bucket', 'key'])
  const at = { bucket: textIn(body, 'bucket'), key: optionalText(body, 'key') ?? '' }
  return { status: 201, body: { group: await call.node.splitRange(at, { signal: call.signal }) } }
}
