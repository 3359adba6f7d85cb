import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Metrics } from '../base/metrics.ts'
import type { HoldfastNode } from '../node/create-node.ts'
import type { Access } from './console/access.ts'
import type { ConsoleFiles } from './console/files.ts'
import type { LiveFeed } from './console/live-feed.ts'
import type { Overseer } from './console/overseer.ts'
import type { Session } from './console/sessions.ts'
import type { EventLog } from './event-log.ts'
import { HttpError } from './http-error.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { ReadinessProbe } from './readiness.ts'
import type { Exchange } from './request-watch.ts'

export type ServedNode = HoldfastNode

/** One thing that can be asked for. */
export interface Route {
  readonly method: 'DELETE' | 'GET' | 'HEAD' | 'PATCH' | 'POST' | 'PUT'
  /** `:name` stands for one segment, `*name` at the end for all that follows. */
  readonly path: string
  /** Open to whoever reaches the port: says nothing of the peer but that it is there. */
  readonly isPublic?: true
  /** Resolves to what is answered; to nothing if it has answered by itself. */
  run(call: Call): Promise<Answer | undefined>
}

/** A request on its way to its answer. */
export interface Call {
  readonly node: ServedNode
  readonly events: EventLog
  readonly overseer: Overseer
  readonly feed: LiveFeed
  readonly access: Access
  /** Undefined for who has shown the token. */
  readonly session: Session | undefined
  readonly consoleFiles: () => Promise<ConsoleFiles>
  /** Undefined where there is no S3. */
  readonly keys: KeyRing | undefined
  /** Which signatures name. */
  readonly region: string
  /** Of the gateway; the node has its own. */
  readonly metrics: Metrics
  readonly exchange: Exchange
  readonly readiness: ReadinessProbe
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What stood in the path where its route has names, decoded. */
  readonly params: ReadonlyMap<string, string>
  /** As it was sent. */
  readonly query: string
  /** Aborts when the client has gone, or has been answered. */
  readonly signal: AbortSignal
  /** Asks a client that waits for it to send the body. To be called before the body is read. */
  readonly invite: () => void
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; of a stream, as a JSON array. */
  readonly body?: unknown
  readonly stream?: AsyncIterable<unknown>
}

export const ok = (body: unknown): Answer => ({ status: 200, body })

/** The value of a name in the path. */
export function param({ params }: Call, name: string): string {
  const value = params.get(name)
  if (value === undefined) throw new Error(`the route has no ${name}`)
  return value
}

/**
 * Finds routes by raw paths. What a URL parser makes of `..`, `//` and `\` is nobody's intention
 * here: segments are split first and decoded once, and a key may hold anything that is text.
 */
export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: readonly string[] }[]

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map(route => ({ route, pattern: route.path.split('/') }))
  }

  /** In their order. */
  get routes(): readonly Route[] {
    return this.#routes.map(({ route }) => route)
  }

  /** `GET /healthz` and so on, of all routes in their order. */
  get names(): readonly string[] {
    return this.#routes.map(({ route: { method, path } }) => `${method} ${path}`)
  }

  /** The routes at this path, whatever their methods. */
  at(path: string): readonly Found[] {
    const segments = path.split('/')
    return this.#routes.flatMap(({ route, pattern }) => {
      const raw = match(pattern, segments)
      return raw === undefined ? [] : [{ route, raw }]
    })
  }
}

export interface Found {
  readonly route: Route
  readonly raw: ReadonlyMap<string, string>
}

function match(
  pattern: readonly string[],
  segments: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>()
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index]
    if (segment === undefined) return undefined
    if (expected.startsWith('*'))
      return found.set(expected.slice(1), segments.slice(index).join('/'))
    if (expected.startsWith(':')) found.set(expected.slice(1), segment)
    else if (segment !== expected) return undefined
  }
  return segments.length === pattern.length ? found : undefined
}

/** @throws {HttpError} 400 for what is no text */
export function decodeParams(raw: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...raw].map(([name, text]) => [name, decode(text)]))
}

function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw new HttpError(400, 'The path is not percent-encoded UTF-8')
  }
  // What is not ASCII must come encoded: nobody knows in which way the raw bytes were meant.
  const isClean = /^[\x20-\x7E]*$/.test(text) && !/\p{Cc}/u.test(decoded)
  if (isClean) return decoded
  throw new HttpError(400, 'The path holds control characters, or some that are not encoded')
}
