import type { ServerResponse } from 'node:http'

import { type MatrixWish, topicNames } from './console/live-feed.ts'
import type { Watcher } from './console/topic.ts'
import { EVENTS_KEPT_MAX, type LoggedEvent } from './event-log.ts'
import { type Fields, optionalFlag, optionalNatural, optionalText, queryFields } from './fields.ts'
import { HttpError } from './http-error.ts'
import type { Answer, Call, Route } from './route.ts'

/** Keeps what stands between us and the client from taking the silence for an end. */
const COMMENT_MS = 15_000
/** A listener that is this far behind is dropped; it can come back with `Last-Event-ID`. */
const BEHIND_BYTES_MAX = 1_048_576
const RETRY_MS = 2000
const SEGMENTS_MAX = 1000

/**
 * `GET /api/v1/events`: what happens, as server-sent events. `recent` says how many of the last
 * ones to begin with; with `Last-Event-ID` it begins where that left off, or with an event `reset`
 * if that is too long ago: what the client knows is outdated. `follow=false` ends after those.
 * `live` and `matrix` add what the console shows, see `LiveFeed`.
 */
export const eventRoute: Route = { method: 'GET', path: '/api/v1/events', run: streamEvents }

async function streamEvents(call: Call): Promise<Answer | undefined> {
  const { events, request, response, signal } = call
  const query = queryFields(call.query, fields)
  const recent = Math.min(optionalNatural(query, 'recent') ?? 0, EVENTS_KEPT_MAX)
  const follows = optionalFlag(query, 'follow') ?? true
  const last = request.headers['last-event-id']
  const missed = typeof last === 'string' ? events.after(last) : events.newest(recent)

  const ends: (() => void)[] = []
  try {
    // What is refused is refused before the answer begins.
    if (follows) ends.push(...watchLive(call, query), listen(call))
    begin(response)
    if (missed === undefined) tell(response, 'event: reset\ndata: {}\n\n')
    for (const event of missed ?? []) tell(response, textOf(event))
    if (follows) await stayAwake(call, AbortSignal.any([signal, events.closed]))
  } finally {
    for (const end of ends) end()
  }
  response.end()
  return undefined
}

/** @throws {HttpError} 503 */
function listen({ events, response }: Call): () => void {
  const unlisten = events.listen(event => tell(response, textOf(event)))
  if (unlisten !== undefined) return unlisten
  throw new HttpError(503, 'Too many listen to events already', { 'retry-after': '10' })
}

const fields = ['recent', 'follow', 'live', 'matrix', 'version', 'after', 'limit']

/** Begins what `live` and `matrix` ask for; the messages come once the answer has begun. */
function watchLive({ feed, response }: Call, query: Fields): (() => void)[] {
  const names = (optionalText(query, 'live') ?? '').split(',').filter(name => name !== '')
  const wanted = [...new Set(names)].map(name => {
    const topic = topicNames.find(each => each === name)
    if (topic === undefined) throw new HttpError(400, `live is of ${topicNames.join(', ')}`)
    return topic
  })
  const watcher: Watcher = ({ event, data }) =>
    tellInTime(response, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  const matrix = matrixIn(query)
  const unwatch = matrix === undefined ? [] : [feed.watchMatrix(matrix, watcher)]
  return [...unwatch, ...wanted.map(topic => feed.watch(topic, watcher))]
}

/** `matrix` is bucket and key with a slash between them. */
function matrixIn(query: Fields): MatrixWish | undefined {
  const [, bucket = '', key = ''] =
    /^([^/]+)\/(.+)$/s.exec(optionalText(query, 'matrix') ?? '') ?? []
  if (bucket === '') {
    if (Object.hasOwn(query, 'matrix')) throw new HttpError(400, 'matrix is bucket/key')
    return undefined
  }
  const limit = optionalNatural(query, 'limit')
  if (limit !== undefined && (limit < 1 || limit > SEGMENTS_MAX))
    throw new HttpError(400, `limit is from 1 to ${SEGMENTS_MAX}`)
  const version = optionalText(query, 'version')
  return { bucket, key, version, after: optionalNatural(query, 'after'), limit }
}

/** Resolves when what was told has gone out; a reader that takes too long is dropped. */
function tellInTime(response: ServerResponse, text: string): Promise<void> {
  tell(response, text)
  if (response.destroyed || !response.writableNeedDrain) return Promise.resolve()
  return new Promise(resolve => {
    const end = (): void => {
      response.off('drain', end).off('close', end)
      resolve()
    }
    response.on('drain', end).on('close', end)
  })
}

function begin(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  tell(response, `retry: ${RETRY_MS}\n\n`)
}

/** Says now and then that it is still there, until the signal aborts; a session may end meanwhile. */
function stayAwake({ response, access }: Call, signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {
    access.sessions.sweep()
    tell(response, ': still here\n\n')
  }, COMMENT_MS)
  return new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  }).finally(() => clearInterval(timer))
}

function tell(response: ServerResponse, text: string): void {
  if (response.destroyed) return
  response.write(text)
  if (response.writableLength > BEHIND_BYTES_MAX) response.destroy()
}

const textOf = ({ id, at, event }: LoggedEvent): string =>
  `id: ${id}\ndata: ${JSON.stringify({ id, at, ...plain(event) })}\n\n`

/** Errors would become `{}`. */
function plain(event: LoggedEvent['event']): object {
  if (event.type !== 'failed') return event
  return { type: event.type, error: event.error instanceof Error ? event.error.message : 'unknown' }
}
