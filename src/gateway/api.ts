import type { InviteOptions } from '../node/admission/admission.ts'
import type { HoldfastNode } from '../node/create-node.ts'
import { HttpError } from './http-error.ts'
import { kvCalls } from './kv-api.ts'

/** One thing the API can do. */
export interface Operation {
  readonly method: 'GET' | 'POST'
  /** Open to whoever reaches the port: says nothing but whether the peer is there. */
  readonly isPublic: boolean
  /** @param body of a POST; @returns what is answered, as JSON */
  run(
    node: HoldfastNode,
    body: Record<string, unknown>,
  ): Promise<{ readonly status: number; readonly body: unknown }>
}

const ok = (body: unknown): { status: number; body: unknown } => ({ status: 200, body })

/** Every path of the API. A map, for a path may be called like something every object has. */
export const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['/healthz', { method: 'GET', isPublic: true, run: async () => ok({ status: 'ok' }) }],
  ['/readyz', { method: 'GET', isPublic: true, run: async node => readiness(node) }],
  ['/api/v1/status', { method: 'GET', isPublic: false, run: async node => ok(node.status()) }],
  ['/api/v1/clock', { method: 'GET', isPublic: false, run: async node => ok(node.clock()) }],
  ['/api/v1/peers', { method: 'GET', isPublic: false, run: async node => ok(node.peers()) }],
  ['/api/v1/invites', { method: 'POST', isPublic: false, run: invite }],
  ['/api/v1/bans', { method: 'POST', isPublic: false, run: ban }],
  [
    '/api/v1/groups',
    { method: 'GET', isPublic: false, run: async node => ok(await node.groups()) },
  ],
  ...Object.entries(kvCalls).map(([name, call]): [string, Operation] => [
    `/api/v1/kv/${name}`,
    { method: 'POST', isPublic: false, run: async (node, body) => ok(await call(node.kv, body)) },
  ]),
])

function readiness(node: HoldfastNode): { status: number; body: unknown } {
  try {
    const { state } = node.status()
    return { status: state === 'running' ? 200 : 503, body: { status: state } }
  } catch {
    return { status: 503, body: { status: 'stopped' } }
  }
}

async function invite(
  node: HoldfastNode,
  body: Record<string, unknown>,
): Promise<{ status: number; body: unknown }> {
  onlyKeys(body, ['role', 'uses', 'expiresInMs', 'zone'])
  const options: InviteOptions = {
    role: optional(body, 'role', (value): value is 'full' | 'storage' =>
      ['full', 'storage'].includes(value as string),
    ),
    uses: optional(body, 'uses', isNumber),
    expiresInMs: optional(body, 'expiresInMs', isNumber),
    zone: optional(body, 'zone', isString),
  }
  return { status: 201, body: { token: await node.invite(options) } }
}

async function ban(
  node: HoldfastNode,
  body: Record<string, unknown>,
): Promise<{ status: number; body: unknown }> {
  onlyKeys(body, ['peer'])
  const peer = optional(body, 'peer', isString)
  if (peer === undefined) throw new HttpError(400, 'peer is missing')
  await node.ban(peer)
  return ok({ banned: peer })
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isString = (value: unknown): value is string => typeof value === 'string'

function onlyKeys(body: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(body).find(key => !known.includes(key))
  if (unknown !== undefined) throw new HttpError(400, `There is no field ${unknown}`)
}

function optional<Value>(
  body: Record<string, unknown>,
  key: string,
  is: (value: unknown) => value is Value,
): Value | undefined {
  if (!Object.hasOwn(body, key)) return undefined
  const value = body[key]
  if (is(value)) return value
  throw new HttpError(400, `${key} has an impossible value`)
}
