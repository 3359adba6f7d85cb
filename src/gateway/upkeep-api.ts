import { onlyFields, optionalFlag, optionalNatural, queryFields, textIn } from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, param, type Route } from './route.ts'

const REPAIRS_MAX = 1000

/** How the network keeps its fragments whole, and what people may tell it to do. */
export const upkeepRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/upkeep', run: async ({ node }) => ok(node.upkeep()) },
  { method: 'GET', path: '/api/v1/repairs', run: repairs },
  { method: 'GET', path: '/api/v1/drains', run: drains },
  { method: 'POST', path: '/api/v1/drains', run: drain },
  { method: 'DELETE', path: '/api/v1/drains/:peer', run: undrain },
  { method: 'POST', path: '/api/v1/rebalance', run: rebalance },
]

async function repairs({ node, query, signal }: Call): Promise<Answer> {
  const limit = optionalNatural(queryFields(query, ['limit']), 'limit')
  if (limit !== undefined && (limit < 1 || limit > REPAIRS_MAX))
    throw new HttpError(400, `limit is from 1 to ${REPAIRS_MAX}`)
  return ok(await node.repairs({ signal, ...(limit !== undefined && { limit }) }))
}

async function drains({ node, signal }: Call): Promise<Answer> {
  return ok(await node.drains({ signal }))
}

async function drain(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['peer', 'dryRun'])
  const peer = textIn(body, 'peer')
  if (optionalFlag(body, 'dryRun') === true)
    return ok({ peer, ...(await call.node.planDrain(peer, { signal: call.signal })) })
  await call.node.drain(peer, { signal: call.signal })
  return { status: 202, body: { draining: peer } }
}

async function undrain(call: Call): Promise<Answer> {
  const peer = param(call, 'peer')
  await call.node.undrain(peer, { signal: call.signal })
  return ok({ undrained: peer })
}

async function rebalance(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['dryRun'])
  const dryRun = optionalFlag(body, 'dryRun') ?? false
  return ok(await call.node.rebalance({ dryRun, signal: call.signal }))
}
