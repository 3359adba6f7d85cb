import { concat } from '../../base/bytes.ts'
import { bytes, list, natural, struct, type Versioned, versioned } from '../../catalog/codec.ts'
import { following, u32 } from '../../catalog/tables.ts'
import {
  type Session,
  SESSION_ANSWER_BYTES_MAX,
  SESSION_WINDOW,
  type SessionLimits,
  Sessions,
} from '../../consensus/sessions.ts'
import type { KeyChange, KeyValueReader } from '../../storage/key-value.ts'

/**
 * The sessions of a group as rows, one each, written in the batch of the commands that changed them:
 * an answer is there exactly if the effect is.
 *
 * A session is named after the entry and the group that began it, so that ranges which are merged
 * never have two of one name, and after a split both halves know it.
 */
interface SessionRow {
  /** The entry that used it last: sessions stand in this order. */
  readonly usedAt: number
  readonly lastUsedMs: number
  readonly ackedBelow: number
  readonly answers: readonly Answer[]
}

interface Answer {
  readonly sequence: number
  readonly answer: Uint8Array
}

const sessionRow: Versioned<SessionRow> = versioned(
  1,
  SESSION_WINDOW * (SESSION_ANSWER_BYTES_MAX + 16) + 64,
  struct<SessionRow>({
    usedAt: natural(),
    lastUsedMs: natural(),
    ackedBelow: natural(),
    answers: list(
      struct<Answer>({ sequence: natural(), answer: bytes(SESSION_ANSWER_BYTES_MAX) }),
      SESSION_WINDOW,
    ),
  }),
)

/** Sessions per group number: a number of 53 bits tells both apart. */
const GROUPS = 65_536
const PAGE = 256
const TABLE = Uint8Array.of(2)

/** The session that an entry of a group's log begins. */
export const sessionId = (group: number, index: number): number => index * GROUPS + (group % GROUPS)

const keysOf = (group: number): Uint8Array => concat([TABLE, u32(group)])

function keyOf(group: number, id: number): Uint8Array {
  return concat([keysOf(group), u32(Math.floor(id / 2 ** 32)), u32(id % 2 ** 32)])
}

function idOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset)
  return view.getUint32(5) * 2 ** 32 + view.getUint32(9)
}

/** The rows of a group's sessions, page by page. */
export async function* sessionRowsOf(
  reader: KeyValueReader,
  group: number,
): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
  const prefix = keysOf(group)
  for (let after = prefix; ;) {
    const rows = await reader.page({ after, before: following(prefix), limit: PAGE })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.key.slice()
  }
}

export class SessionRows {
  readonly #group: number
  readonly #usedAt = new Map<number, number>()
  readonly #touched = new Set<number>()
  readonly sessions: Sessions
  /** The entry at hand. */
  #index = 0

  /** @param nowMs the time of the sessions */
  static async load(
    reader: KeyValueReader,
    group: number,
    { nowMs, limits = {} }: { readonly nowMs: number; readonly limits?: Partial<SessionLimits> },
  ): Promise<SessionRows> {
    const found: (SessionRow & { readonly id: number })[] = []
    for await (const { key, value } of sessionRowsOf(reader, group)) {
      found.push({ id: idOf(key), ...sessionRow.decode(value) })
    }
    const rows = new SessionRows(group, limits)
    const inOrder = found.toSorted((a, b) => a.usedAt - b.usedAt || a.id - b.id)
    rows.sessions.load(nowMs, inOrder.map(sessionOf))
    for (const { id, usedAt } of inOrder) rows.#usedAt.set(id, usedAt)
    rows.#touched.clear()
    return rows
  }

  private constructor(group: number, limits: Partial<SessionLimits>) {
    this.#group = group
    this.sessions = new Sessions(limits, id => {
      this.#touched.add(id)
      this.#usedAt.set(id, this.#index)
    })
  }

  /** What happens from now on is done by this entry, at its time. */
  begin(index: number, timeMs: number): void {
    this.#index = index
    this.sessions.advance(Math.floor(timeMs))
  }

  /** What has changed since it was taken last. */
  takeChanges(): KeyChange[] {
    const changes = [...this.#touched].map(id => this.#rowOf(this.#group, id))
    this.#touched.clear()
    return changes
  }

  /** Every session as it is now, for a group that was split off. */
  copyFor(group: number): KeyChange[] {
    return [...this.sessions.all()].map(({ id }) => this.#rowOf(group, id))
  }

  #rowOf(group: number, id: number): KeyChange {
    const key = keyOf(group, id)
    const session = this.sessions.get(id)
    if (session === undefined) {
      this.#usedAt.delete(id)
      return { key, value: undefined }
    }
    const { lastUsedMs, ackedBelow } = session
    const answers = [...session.answers].map(([sequence, answer]) => ({ sequence, answer }))
    const usedAt = this.#usedAt.get(id) ?? 0
    return { key, value: sessionRow.encode({ usedAt, lastUsedMs, ackedBelow, answers }) }
  }
}

const sessionOf = ({
  id,
  lastUsedMs,
  ackedBelow,
  answers,
}: SessionRow & { id: number }): Session => ({
  id,
  lastUsedMs,
  ackedBelow,
  answers: new Map(answers.map(({ sequence, answer }) => [sequence, answer])),
})
