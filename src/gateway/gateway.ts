import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'

import { Metrics } from '../base/metrics.ts'
import type { Log } from '../node/log.ts'
import { AccessLog } from './access-log.ts'
import { sendStream, sendWhole } from './answer.ts'
import { api } from './api.ts'
import { drain } from './body.ts'
import { Access, plainWords, type Words } from './console/access.ts'
import { builtConsole, type ConsoleFiles, readConsole } from './console/files.ts'
import { LiveFeed } from './console/live-feed.ts'
import { Overseer } from './console/overseer.ts'
import type { Session } from './console/sessions.ts'
import { EventLog } from './event-log.ts'
import { accessLogDropped, connectionsCut, type Face, gatewayMetrics } from './gateway-metrics.ts'
import { checkAccess, checkHost } from './guard.ts'
import { describeError, HttpError } from './http-error.ts'
import { HttpServer } from './http-server.ts'
import type { KeyRing } from './keys/key-ring.ts'
import { announce, openToken } from './local-access.ts'
import { metricsRoute } from './metrics-route.ts'
import { watchPace } from './pace.ts'
import { processMetrics, readProcess } from './process-metrics.ts'
import { ReadinessProbe } from './readiness.ts'
import { type Exchange, RequestWatch } from './request-watch.ts'
import { type Call, decodeParams, type Route, type ServedNode } from './route.ts'
import { REGION, S3Gateway, type S3Options } from './s3/s3-gateway.ts'
import type { Credentials } from './tls/credentials.ts'

/** How long answers under way may take when it stops. */
const CLOSE_MS = 5_000

/** One for all: an abort without a reason makes a new error each time, with its stack. */
const ANSWERED = new Error('the request was answered')

export interface GatewayOptions {
  readonly node: ServedNode
  /** Where the token is kept and the address announced. */
  readonly dataDirectory: string
  /** @default 127.0.0.1 */
  readonly host?: string
  /** 0 takes any free one. */
  readonly port: number
  /** Whether the next free port will do if this one is taken. */
  readonly mayMove: boolean
  readonly log: Log
  /** How long a client may keep a request waiting and move nothing. @default 30 s */
  readonly paceMs?: number | undefined
  /** What it proves itself with; it is plain HTTP without. Closed with the gateway. */
  readonly credentials?: Credentials | undefined
  /** A file for a line of JSON per request. */
  readonly accessLog?: string | undefined
  /** How long it says that it is not ready before it takes no more connections. @default 0 */
  readonly drainMs?: number | undefined
  /** @default as many as descriptors allow */
  readonly connectionsMax?: number | undefined
  /** How people call the program that this peer runs in. @default holdfast */
  readonly words?: Words | undefined
  /** Where the console's files are. @default where a build has them */
  readonly consoleDirectory?: string | undefined
  /** Whether whoever reaches the port may read the metrics. @default false */
  readonly metricsAreOpen?: boolean | undefined
  /** Who may use S3, and what it is called; without it there is none. */
  readonly s3?:
    | (Pick<S3Options, 'domains' | 'region' | 'websiteDomains'> & { readonly keys: KeyRing })
    | undefined
}

export interface Gateway {
  /** Where it listens, e.g. `http://127.0.0.1:4800`. */
  readonly url: string
  /** A link into the console that logs in whoever follows it first, within the hour. */
  loginLink(): string
  /** Looks for a newer certificate, and for a rotated access log. */
  reload(): Promise<void>
  /** Says that it is not ready, answers what was asked, for a moment, and then nothing more. */
  stop(): Promise<void>
}

/**
 * Serves a peer over HTTP: its JSON API, the bytes of its objects, and whether it is well.
 * @throws {HoldfastError} `ADDRESS_IN_USE`, `FILE_FORBIDDEN`
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { dataDirectory, host = '127.0.0.1', credentials } = options
  const token = await openToken(dataDirectory)
  const events = new EventLog(options.node)
  const { node, log } = options
  const s3 = options.s3 && new S3Gateway({ ...options.s3, store: node, log, nowMs: Date.now })
  const access = new Access({ token, words: options.words ?? plainWords, nowMs: Date.now })
  const consoleFiles = onDemand(() => readConsole(options.consoleDirectory ?? builtConsole))
  const keys = options.s3?.keys
  const metrics = new Metrics([...gatewayMetrics, ...processMetrics])
  const accessLog = await openAccessLog(options, metrics)
  const watch = new RequestWatch(metrics, ended => accessLog?.note(ended))
  const readiness = new ReadinessProbe(node, () => server.isDraining)
  const { program } = access.words
  const overseer = new Overseer({ node, program, nowMs: Date.now })
  const feed = new LiveFeed({ node, overseer, log })
  const region = options.s3?.region ?? REGION
  const looks = { overseer, feed, metrics, watch, readiness, region }
  const service: Service = { ...options, access, consoleFiles, events, s3, keys, ...looks }
  const server: HttpServer = await HttpServer.open({
    ...options,
    host,
    credentials,
    metrics,
    answer: (request, response) => void serve(service, request, response),
  }).catch(async (error: unknown) => {
    await accessLog?.close()
    credentials?.close()
    feed.close()
    events.close()
    throw error
  })
  const { url } = server
  const announced = (): Promise<() => Promise<void>> =>
    announce(dataDirectory, { url, fingerprint: credentials?.fingerprint })
  const withdraw = await announced()
  credentials?.onChange(async () => void (await announced()))
  const unread = readProcess(metrics)
  access.url = url
  return {
    url,
    loginLink: () => access.loginLink(),
    reload: async () => {
      accessLog?.reopen()
      await credentials?.reload()
    },
    async stop() {
      server.drain()
      await setTimeout(options.drainMs ?? 0)
      await withdraw()
      access.sessions.close()
      feed.close()
      events.close()
      await server.close(CLOSE_MS)
      unread()
      credentials?.close()
      await accessLog?.close()
    },
  }
}

async function openAccessLog(
  { accessLog: path, log }: GatewayOptions,
  metrics: Metrics,
): Promise<AccessLog | undefined> {
  if (path === undefined) return undefined
  const dropped = (): void => metrics.add(accessLogDropped, {})
  return AccessLog.open({ path, log, dropped, nowMs: Date.now })
}

type Service = Omit<GatewayOptions, 's3'> & {
  readonly access: Access
  readonly consoleFiles: () => Promise<ConsoleFiles>
  readonly events: EventLog
  readonly overseer: Overseer
  readonly feed: LiveFeed
  readonly s3: S3Gateway | undefined
  readonly keys: KeyRing | undefined
  readonly region: string
  readonly metrics: Metrics
  readonly watch: RequestWatch
  readonly readiness: ReadinessProbe
}

/** Answers one request, whatever becomes of it. */
async function serve(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = service.watch.begin(request, response)
  const ending = new AbortController()
  response.once('close', () => ending.abort(new Error('the client has gone')))
  const invitation = invitationOf(request, response)
  const unwatch = watchPace({
    request,
    response,
    isInvited: invitation.isGiven,
    windowMs: service.paceMs,
    onSlow: () => {
      service.metrics.add(connectionsCut, { reason: 'slow body' })
      request.socket.destroy()
    },
  })
  try {
    const { invite, isGiven } = invitation
    const asked = { request, response, exchange, signal: ending.signal, invite }
    if (service.s3?.isMine(request) === true) {
      exchange.face = 's3'
      await service.s3.serve({ ...asked, isInvited: isGiven })
    } else await run({ ...service, ...asked })
  } catch (error) {
    await fail(service, { request, response, exchange, isSending: invitation.isGiven() }, error)
  } finally {
    unwatch()
    ending.abort(ANSWERED)
  }
}

async function run(asked: Service & Omit<Call, 'params' | 'query' | 'session'>): Promise<void> {
  const { request, response } = asked
  const { route, params, session } = find(request, asked.access, asked.metricsAreOpen)
  asked.exchange.face = faceOf(route.path)
  // What a session has begun ends with it.
  const signal =
    session === undefined ? asked.signal : AbortSignal.any([asked.signal, session.ended])
  const call: Call = { ...asked, signal, session, params, query: queryOf(request) }
  const answer = await route.run(call)
  if (answer?.stream !== undefined) await sendStream(response, answer, answer.stream, signal)
  else if (answer !== undefined) {
    sendWhole(response, answer)
    response.end()
  }
}

const faceOf = (path: string): Face =>
  path.startsWith('/api/') ? 'api' : path.startsWith('/console') ? 'console' : 'health'

/** @throws {HttpError} 400, 401, 403, 404, 405 */
function find(
  request: IncomingMessage,
  access: Access,
  metricsAreOpen: boolean = false,
): {
  readonly route: Route
  readonly params: ReadonlyMap<string, string>
  readonly session: Session | undefined
} {
  checkHost(request)
  const here = api.at(pathOf(request))
  const found = here.find(({ route }) => route.method === request.method)
  const isOpen = ({ route }: (typeof here)[number]): boolean =>
    route.isPublic === true || (route === metricsRoute && metricsAreOpen)
  const isPublic = (found !== undefined && isOpen(found)) || here.every(isOpen)
  const session = isPublic && here.length > 0 ? undefined : checkAccess(request, access)
  if (here.length === 0) throw new HttpError(404, 'There is nothing at this path')
  if (found !== undefined) return { route: found.route, params: decodeParams(found.raw), session }
  const allow = here.map(({ route }) => route.method).join(', ')
  throw new HttpError(405, `This path answers ${allow} only`, { allow })
}

interface Failed {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly exchange: Exchange
  /** Whether the client sends its body without being asked. */
  readonly isSending: boolean
}

/** Tells of an error, if that can still be told; else the connection breaks, and so says it. */
async function fail(
  { log }: Service,
  { request, response, exchange, isSending }: Failed,
  error: unknown,
): Promise<void> {
  if (response.destroyed || response.writableFinished) return
  const { requestId } = exchange
  const answer = describeError(error, requestId)
  exchange.code = answer.body.error.code
  const fields = { method: request.method, path: pathOf(request), reason: String(error), requestId }
  if (answer.status === 500) log.error('request failed', fields)
  if (response.headersSent) {
    log.warn('answer broken off', fields)
    response.destroy()
    return
  }
  // What was not read of the body must not be taken for the next request.
  const isWhole = request.complete
  const closing = isWhole ? {} : { connection: 'close' }
  sendWhole(response, { ...answer, headers: { ...answer.headers, ...closing } })
  if (!isWhole && isSending) await drain(request)
  response.end()
}

/** Asks once, when somebody first wants to know; again if that failed. */
function onDemand<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | undefined
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = undefined
      throw error
    })
    return asked
  }
}

/** Lets a client that waits for it send its body, once. */
function invitationOf(
  request: IncomingMessage,
  response: ServerResponse,
): { readonly invite: () => void; readonly isGiven: () => boolean } {
  let isGiven = request.headers.expect === undefined
  return {
    isGiven: () => isGiven,
    invite: () => {
      if (!isGiven) response.writeContinue()
      isGiven = true
    },
  }
}

/** The raw path: what a URL parser makes of `..` and `//` is nobody's intention here. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] as string

const queryOf = ({ url = '' }: IncomingMessage): string =>
  url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
