import type { ServerResponse } from 'node:http'

import { EVENTS_KEPT_MAX, type LoggedEvent } from './event-log.ts'
import { optionalFlag, optionalNatural, queryFields } from './fields.ts'
import { HttpError } from './http-error.ts'
import type { Answer, Call, Route } from './route.ts'

/** Keeps what stands between us and the client from taking the silence for an end. */
const COMMENT_MS = 15_000
/** A listener that is this far behind is dropped; it can come back with `Last-Event-ID`. */
const BEHIND_BYTES_MAX = 1_048_576
const RETRY_MS = 2000

/**
 * `GET /api/v1/events`: what happens, as server-sent events. `recent` says how many of the last
 * ones to begin with; with `Last-Event-ID` it begins where that left off, or with an event `reset`
 * if that is too long ago: what the client knows is outdated. `follow=false` ends after those.
 */
export const eventRoute: Route = { method: 'GET', path: '/api/v1/events', run: streamEvents }

async function streamEvents(call: Call): Promise<Answer | undefined> {
  const { events, request, response, signal } = call
  const query = queryFields(call.query, ['recent', 'follow'])
  const recent = Math.min(optionalNatural(query, 'recent') ?? 0, EVENTS_KEPT_MAX)
  const follows = optionalFlag(query, 'follow') ?? true
  const last = request.headers['last-event-id']
  const missed = typeof last === 'string' ? events.after(last) : events.newest(recent)

  const unlisten = follows ? events.listen(event => tell(response, textOf(event))) : undefined
  if (follows && unlisten === undefined)
    throw new HttpError(503, 'Too many listen to events already', { 'retry-after': '10' })
  begin(response)
  if (missed === undefined) tell(response, 'event: reset\ndata: {}\n\n')
  for (const event of missed ?? []) tell(response, textOf(event))
  if (unlisten !== undefined) {
    await stayAwake(response, AbortSignal.any([signal, events.closed]))
    unlisten()
  }
  response.end()
  return undefined
}

function begin(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  tell(response, `retry: ${RETRY_MS}\n\n`)
}

/** Says now and then that it is still there, until the signal aborts. */
function stayAwake(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => tell(response, ': still here\n\n'), COMMENT_MS)
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
