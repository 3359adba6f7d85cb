import type { InviteOptions } from '../node/admission/admission.ts'
import type { HistoryView } from './console/views/history.ts'
import { onlyFields, optionalChoice, optionalNatural, optionalText, textIn } from './fields.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, type Route } from './route.ts'

/** As long as an invite is good if nothing is said. */
const INVITE_MS = 3_600_000

/** How this peer is doing, and who may join or has to leave. */
export const peerRoutes: readonly Route[] = [
  { method: 'GET', path: '/healthz', isPublic: true, run: async () => ok({ status: 'ok' }) },
  { method: 'GET', path: '/readyz', isPublic: true, run: tellReadiness },
  { method: 'GET', path: '/api/v1/status', run: async ({ node }) => ok(node.status()) },
  { method: 'GET', path: '/api/v1/clock', run: async ({ node }) => ok(node.clock()) },
  {
    method: 'GET',
    path: '/api/v1/overview',
    run: async ({ overseer }) => ok(await overseer.overview()),
  },
  {
    method: 'GET',
    path: '/api/v1/health',
    run: async ({ node, signal }) => ok(await node.health({ signal })),
  },
  { method: 'GET', path: '/api/v1/history', run: async ({ node }) => ok(historyOf(node)) },
  {
    method: 'GET',
    path: '/api/v1/groups',
    run: async ({ overseer }) => ok(await overseer.groups()),
  },
  { method: 'POST', path: '/api/v1/invites', run: invite },
  { method: 'POST', path: '/api/v1/bans', run: ban },
]

function historyOf(node: Call['node']): HistoryView {
  const { everyMs, samples } = node.history()
  const untilMs = samples.at(-1)?.atMs ?? Date.now()
  return { everyMs, until: new Date(untilMs).toISOString(), samples }
}

async function tellReadiness({ readiness }: Call): Promise<Answer> {
  const { isReady, status } = await readiness.look()
  return { status: isReady ? 200 : 503, body: { status } }
}

async function invite(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['role', 'uses', 'expiresInMs', 'zone'])
  const options: InviteOptions = {
    role: optionalChoice(body, 'role', ['full', 'storage']),
    uses: optionalNatural(body, 'uses'),
    expiresInMs: optionalNatural(body, 'expiresInMs'),
    zone: optionalText(body, 'zone'),
  }
  const token = await call.node.invite(options)
  const command = `${call.access.words.up} --join ${token}`
  const expiresAt = new Date(Date.now() + (options.expiresInMs ?? INVITE_MS)).toISOString()
  return { status: 201, body: { token, command, expiresAt } }
}

async function ban(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['peer'])
  const peer = textIn(body, 'peer')
  await call.node.ban(peer)
  return ok({ banned: peer })
}
