import type { Message, TopicOptions } from './topic.ts'
import type { Changes } from './views/live.ts'

export interface RowTopicOptions<Row> {
  readonly event: string
  readonly everyMs: number
  look(): Promise<readonly Row[]>
  readonly idOf: (row: Row) => string | number
  /** A row without what changes all the time and can wait. @default all of it */
  readonly essenceOf?: (row: Row) => unknown
  readonly onFailure: (error: unknown) => void
}

/** Rows of one message: of a thousand peers there are ten. */
const ROWS_MAX = 100

interface Known<Row> {
  readonly row: Row
  readonly essence: string
}

interface Rows<Row> {
  readonly known: ReadonlyMap<string | number, Known<Row>>
  /** Where the next of those begin whose small changes are told. */
  readonly turn: number
}

/**
 * A topic of rows. What matters is told at once; small changes take turns, so many rows a look: of a
 * thousand peers whose round trips change all the time, each is told every ten looks.
 */
export function rowTopic<Row>(options: RowTopicOptions<Row>): TopicOptions<Rows<Row>> {
  const { event, idOf, essenceOf = row => row } = options
  let turn = 0
  const message = (rows: readonly Row[], more: Partial<Changes<Row>> = {}): Message => ({
    event,
    data: { isWhole: false, rows, gone: [], ...more } satisfies Changes<Row>,
  })
  return {
    everyMs: options.everyMs,
    onFailure: options.onFailure,
    async look() {
      const rows = await options.look()
      const known = new Map(
        rows.map(row => [idOf(row), { row, essence: JSON.stringify(essenceOf(row)) }]),
      )
      turn = turn + ROWS_MAX < known.size ? turn + ROWS_MAX : 0
      return { known, turn }
    },
    *whole(state) {
      const ids = [...state().known.keys()]
      for (let at = 0; at === 0 || at < ids.length; at += ROWS_MAX) {
        const known = ids.slice(at, at + ROWS_MAX).map(id => state().known.get(id))
        const rows = known.flatMap(each => (each === undefined ? [] : [each.row]))
        yield message(rows, { isWhole: at === 0 })
      }
    },
    changes(before, after) {
      const gone = [...before.known.keys()].filter(id => !after.known.has(id))
      const rows = [...after.known].flatMap(([id, { row, essence }], at) => {
        const old = before.known.get(id)
        if (old?.essence !== essence) return [row]
        const isTurn = at >= after.turn && at < after.turn + ROWS_MAX
        return isTurn && JSON.stringify(old.row) !== JSON.stringify(row) ? [row] : []
      })
      const pages = Array.from({ length: Math.ceil(rows.length / ROWS_MAX) }, (_, page) =>
        message(rows.slice(page * ROWS_MAX, (page + 1) * ROWS_MAX)),
      )
      return gone.length === 0 ? pages : [message([], { gone }), ...pages]
    },
  }
}
