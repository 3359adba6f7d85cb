import { type Signal, signal } from '@preact/signals'

import type { MatrixView } from '../../src/gateway/console/views/fragments.ts'
import type { Changes, LoggedEvent, MatrixChanges } from '../../src/gateway/console/views/live.ts'
import { mergeMatrix, mergeRows } from '../logic/merge.ts'
import { known, publish } from './store.ts'

/**
 * What happens on the network, as it happens. One stream for the whole page: it carries the events,
 * and of the views those that are shown at the moment. It is closed while nobody sees the page, and
 * opened anew when another page wants other views. What it says goes where the answers are kept.
 */
export type LiveState = 'connecting' | 'live' | 'lost'

/** Views that the stream can carry, and under which path they are known. */
export const topics = {
  overview: '/api/v1/overview',
  peers: '/api/v1/peers',
  groups: '/api/v1/groups',
  repairs: '/api/v1/repairs',
} as const

export type Topic = keyof typeof topics

const EVENTS_KEPT_MAX = 2000
const RECENT = 500
const REOPEN_MS = 50
/** Rows of the ledger that are kept. */
const REPAIRS_MAX = 1000

export const liveState: Signal<LiveState> = signal<LiveState>('connecting')
/** Newest last. */
export const liveEvents: Signal<readonly LoggedEvent[]> = signal<readonly LoggedEvent[]>([])

const wanted = new Map<Topic, number>([['overview', 1]])
const resetListeners = new Set<() => void>()
let matrix: { readonly query: string; readonly path: string } | undefined
let source: EventSource | undefined
let openUrl = ''
let reopening: ReturnType<typeof setTimeout> | undefined
let isStarted = false

/** Begins to listen, for as long as the page is seen. */
export function startLive(): void {
  isStarted = true
  document.addEventListener('visibilitychange', follow)
  follow()
}

export function stopLive(): void {
  isStarted = false
  document.removeEventListener('visibilitychange', follow)
  close()
  liveEvents.value = []
}

/** Has a view carried until the returned function is called. */
export function want(topic: Topic): () => void {
  wanted.set(topic, (wanted.get(topic) ?? 0) + 1)
  reopenSoon()
  return () => {
    wanted.set(topic, (wanted.get(topic) ?? 1) - 1)
    reopenSoon()
  }
}

/** The same for the rows of one object: `query` is the stream's, `path` where they are known. */
export function wantMatrix(query: string, path: string): () => void {
  matrix = { query, path }
  reopenSoon()
  return () => {
    if (matrix?.path === path) matrix = undefined
    reopenSoon()
  }
}

/** Calls back when what is known is outdated. */
export function onReset(listener: () => void): () => void {
  resetListeners.add(listener)
  return () => resetListeners.delete(listener)
}

function reopenSoon(): void {
  clearTimeout(reopening)
  reopening = setTimeout(follow, REOPEN_MS)
}

function urlOf(): string {
  const live = [...wanted].filter(([, count]) => count > 0).map(([topic]) => topic)
  const rows = matrix === undefined ? '' : `&${matrix.query}`
  return `/api/v1/events?recent=${RECENT}&live=${live.join(',')}${rows}`
}

function follow(): void {
  if (!isStarted || document.hidden) return close()
  const url = urlOf()
  if (source !== undefined && openUrl === url) return undefined
  close()
  openUrl = url
  source = new EventSource(url)
  source.addEventListener('open', () => (liveState.value = 'live'))
  source.addEventListener('error', () => lose())
  source.addEventListener('reset', () => {
    for (const listener of resetListeners) listener()
  })
  on('message', data => hear(data as LoggedEvent))
  on('overview', view => publish(topics.overview, view))
  on('peers', data => merge('peers', data as Changes<Row>, row => row['peer']))
  on('groups', data => merge('groups', data as Changes<Row>, row => row['group']))
  on('repairs', data => addRepairs(data as Changes<Row>))
  on('matrix', data => {
    if (matrix === undefined) return
    const before = known(matrix.path) as MatrixView | undefined
    if (before !== undefined) publish(matrix.path, mergeMatrix(before, data as MatrixChanges))
  })
  return undefined
}

type Row = Readonly<Record<string, unknown>>

function on(name: string, act: (data: unknown) => void): void {
  const stream = source
  stream?.addEventListener(name, message => {
    // What an outdated stream still had in store is about other rows.
    if (stream === source) act(JSON.parse(String(message.data)))
  })
}

/** A browser tries again by itself, but for an answer that was no stream. */
function lose(): void {
  liveState.value = 'lost'
  if (source?.readyState !== EventSource.CLOSED) return
  source = undefined
  clearTimeout(reopening)
  reopening = setTimeout(follow, 2000)
}

function close(): undefined {
  source?.close()
  source = undefined
  return undefined
}

function merge(topic: Topic, changes: Changes<Row>, idOf: (row: Row) => unknown): void {
  const before = (known(topics[topic]) ?? []) as readonly Row[]
  publish(topics[topic], mergeRows(before, changes, idOf))
}

/** A ledger: new lines come first, and none goes but by age. */
function addRepairs({ isWhole, rows }: Changes<Row>): void {
  const before = isWhole ? [] : ((known(topics.repairs) ?? []) as readonly Row[])
  const nameOf = (row: Row): string => `${String(row['by'])} ${String(row['number'])}`
  const names = new Set(rows.map(nameOf))
  const older = before.filter(row => !names.has(nameOf(row)))
  publish(topics.repairs, [...rows, ...older].slice(0, REPAIRS_MAX))
}

function hear(event: LoggedEvent): void {
  // A stream that was opened anew begins with events that were heard before.
  if (liveEvents.value.some(({ id }) => id === event.id)) return
  liveEvents.value = [...liveEvents.value, event].slice(-EVENTS_KEPT_MAX)
}
