/** What the pages of the console show, live: a topic each, shared by all who watch it. */
import { codeOf } from '../../base/errors.ts'
import type { Log } from '../../node/log.ts'
import type { ObjectPlace } from '../../node/store/store.ts'
import { HttpError } from '../http-error.ts'
import type { ServedNode } from '../route.ts'
import { matrixOf } from './matrix.ts'
import type { Overseer } from './overseer.ts'
import { rowTopic } from './row-topic.ts'
import { type Message, Topic, type TopicOptions, type Watcher } from './topic.ts'
import type { MatrixView } from './views/fragments.ts'
import type { GroupRow } from './views/groups.ts'
import type { MatrixChanges } from './views/live.ts'
import type { OverviewView } from './views/overview.ts'
import type { PeerRow } from './views/peers.ts'
import type { RepairRow } from './views/repairs.ts'

export const topicNames = ['overview', 'peers', 'groups', 'repairs'] as const
export type TopicName = (typeof topicNames)[number]

/** Segments of an object that somebody looks at. */
export interface MatrixWish extends ObjectPlace {
  readonly version: string | undefined
  readonly after: number | undefined
  readonly limit: number | undefined
}

export interface LiveFeedOptions {
  readonly node: ServedNode
  readonly overseer: Overseer
  readonly log: Log
}

const OVERVIEW_MS = 2_000
const PEERS_MS = 1_000
const GROUPS_MS = 2_000
const REPAIRS_MS = 3_000
const MATRIX_MS = 2_000
/** Objects that are watched at once. */
const MATRICES_MAX = 16
const MATRIX_SEGMENTS = 640
/** Segments of one message. */
const SEGMENTS_MAX = 200
const LOOK_MS = 10_000

export class LiveFeed {
  readonly #options: LiveFeedOptions
  readonly #topics: Readonly<Record<TopicName, Topic<unknown>>>
  readonly #matrices = new Map<string, Topic<MatrixView | undefined>>()
  readonly #unwatch: () => void

  constructor(options: LiveFeedOptions) {
    this.#options = options
    this.#topics = this.#makeTopics()
    const { overview, peers, groups } = this.#topics
    this.#unwatch = options.node.onEvent(({ type }) => {
      if (type === 'peer' || type === 'admitted' || type === 'banned') peers.hurry()
      if (type === 'peer') overview.hurry()
      if (type === 'leader' || type === 'members') groups.hurry()
    })
  }

  /** Begins to tell of a topic; returns what ends that. */
  watch(name: TopicName, watcher: Watcher): () => void {
    return this.#topics[name].watch(watcher)
  }

  /** @throws {HttpError} 503 if too many objects are watched already */
  watchMatrix(wish: MatrixWish, watcher: Watcher): () => void {
    const { bucket, key, version, after, limit } = wish
    const name = JSON.stringify([bucket, key, version, after, limit])
    const known = this.#matrices.get(name)
    if (known === undefined && this.#matrices.size >= MATRICES_MAX)
      throw new HttpError(503, 'Too many objects are watched already', { 'retry-after': '10' })
    const topic = known ?? new Topic(this.#matrixTopic(wish))
    this.#matrices.set(name, topic)
    const stop = topic.watch(watcher)
    return () => {
      stop()
      if (!topic.isWatched) this.#matrices.delete(name)
    }
  }

  close(): void {
    this.#unwatch()
  }

  #makeTopics(): Record<TopicName, Topic<unknown>> {
    const { overseer } = this.#options
    const onFailure = (error: unknown): void => this.#failed(error)
    const overview: TopicOptions<OverviewView> = {
      everyMs: OVERVIEW_MS,
      look: () => overseer.overview(),
      *whole(state) {
        yield { event: 'overview', data: state() }
      },
      changes: (_, after) => [{ event: 'overview', data: after }],
      onFailure,
    }
    const peers = rowTopic<PeerRow>({
      event: 'peers',
      everyMs: PEERS_MS,
      look: async () => overseer.peers(),
      idOf: ({ peer }) => peer,
      essenceOf: essenceOfPeer,
      onFailure,
    })
    const groups = rowTopic<GroupRow>({
      event: 'groups',
      everyMs: GROUPS_MS,
      look: () => overseer.groups(),
      idOf: ({ group }) => group,
      essenceOf: essenceOfGroup,
      onFailure,
    })
    const repairs = rowTopic<RepairRow>({
      event: 'repairs',
      everyMs: REPAIRS_MS,
      look: () => overseer.repairs(),
      idOf: ({ by, number }) => `${by} ${number}`,
      onFailure,
    })
    return {
      overview: new Topic(overview),
      peers: new Topic(peers),
      groups: new Topic(groups),
      repairs: new Topic(repairs),
    }
  }

  #matrixTopic(wish: MatrixWish): TopicOptions<MatrixView | undefined> {
    return {
      everyMs: MATRIX_MS,
      look: () => this.#lookAt(wish),
      *whole(state) {
        const count = Math.max(1, state()?.segments.length ?? 1)
        for (let at = 0; at < count; at += SEGMENTS_MAX) {
          const { holders = [], segments = [] } = state() ?? {}
          const page = segments.slice(at, at + SEGMENTS_MAX)
          yield matrixMessage({
            isWhole: at === 0,
            holders,
            segments: page,
            isGone: state() === undefined,
          })
        }
      },
      changes: matrixChanges,
      onFailure: error => this.#failed(error),
    }
  }

  /** Undefined for what is not there any more. */
  async #lookAt({ limit = MATRIX_SEGMENTS, ...wish }: MatrixWish): Promise<MatrixView | undefined> {
    const { node } = this.#options
    try {
      const options = { ...wish, limit, signal: AbortSignal.timeout(LOOK_MS) }
      return matrixOf(await node.placement(wish, options), node.peers())
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (['NO_SUCH_KEY', 'NO_SUCH_BUCKET', 'NO_SUCH_VERSION'].includes(code)) return undefined
      throw error
    }
  }

  /** It will be looked again; what nobody expects is told. */
  #failed(error: unknown): void {
    const isPassing = codeOf(error) !== undefined || (error as Error).name === 'TimeoutError'
    const { log } = this.#options
    log[isPassing ? 'debug' : 'error']('live view failed', { reason: String(error) })
  }
}

const matrixMessage = (data: MatrixChanges): Message => ({ event: 'matrix', data })

/** Rows that changed. Cells count holders, so where those are others all rows are told. */
function matrixChanges(
  before: MatrixView | undefined,
  after: MatrixView | undefined,
): readonly Message[] {
  if (after === undefined)
    return before === undefined
      ? []
      : [matrixMessage({ isWhole: true, holders: [], segments: [], isGone: true })]
  const { holders, segments } = after
  const isWhole = order(before) !== order(after)
  const old = new Map(before?.segments.map(row => [row.segment, JSON.stringify(row)]))
  const changed = isWhole
    ? segments
    : segments.filter(row => old.get(row.segment) !== JSON.stringify(row))
  const isSame = JSON.stringify(before?.holders) === JSON.stringify(holders)
  if (changed.length === 0 && isSame && !isWhole) return []
  return [matrixMessage({ isWhole, holders, segments: changed, isGone: false })]
}

/** Without how far it is, and how long ago members were heard. */
function essenceOfGroup(row: GroupRow): unknown {
  const { leader, term, epoch, holds, range, history, tolerance, decision } = row
  const members = row.members.map(({ peer, role, replica }) => [peer, role, replica])
  return [leader, term, epoch, holds, range, history, tolerance, decision?.reason, members]
}

/** Without what changes all the time: measurements, and how long ago things were. */
function essenceOfPeer(row: PeerRow): unknown {
  const { peer, name, state, why, membership, role, zone, version, addresses, isConnected } = row
  const known = [peer, name, state, why, membership, role, zone, version, addresses, isConnected]
  return [...known, row.seat, row.drain, row.clock?.status, row.stability?.isFlapping]
}

/** What the cells of a matrix mean. */
const order = (matrix: MatrixView | undefined): string =>
  JSON.stringify(matrix && [matrix.version, matrix.holders.map(({ peer }) => peer)])
