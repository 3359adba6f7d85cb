import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { KeptEvent } from './event-backlog.ts'
import type { KeptAnswer } from './key-book.ts'

/** What a machine can be asked, as JSON. */
export type MachineQuestion =
  | { readonly type: 'ask'; readonly question: unknown }
  /** What came of the command that had this key. */
  | { readonly type: 'answer'; readonly key: string }
  | { readonly type: 'events'; readonly after: number; readonly limit: number }
  | { readonly type: 'facts' }

export type MachineReply =
  | { readonly type: 'reply'; readonly reply: unknown }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'answer'; readonly kept: KeptAnswer | undefined }
  | {
      readonly type: 'events'
      readonly events: readonly ToldEvent[]
      /** Events of entries up to this are gone. */
      readonly oldest: number
      /** There are no others up to here. */
      readonly through: number
    }
  | { readonly type: 'facts'; readonly facts: MachineFacts }

type ToldEvent = Omit<KeptEvent, 'text'> & { readonly event: unknown }

/** How a machine is doing, as one of its replicas has it. */
export interface MachineFacts {
  readonly index: number
  readonly timeMs: number
  readonly version: number
  readonly hash: string
  readonly rows: number
  readonly bytes: number
  readonly keys: number
  readonly timers: number
  readonly stages: number
  readonly oldestEvent: number
  /** How often the reducer threw what was no refusal. */
  readonly failures: number
  readonly lastFailure: string
}

export interface Answerer {
  readonly ask: (question: unknown) => unknown
  readonly answerOf: (key: string) => KeptAnswer | undefined
  readonly events: (after: number, limit: number) => readonly KeptEvent[]
  readonly facts: MachineFacts
}

/** What an answer may take: it has to fit into a message. */
const REPLY_BYTES_MAX = 655_360
const EVENTS_MAX = 512
const EVENT_BYTES_MAX = 393_216

export const encodeMachineQuestion = (question: MachineQuestion): Uint8Array =>
  fromUtf8(JSON.stringify(question))

/** @throws {HoldfastError} `MALFORMED` */
export function decodeMachineReply(bytes: Uint8Array): MachineReply {
  return JSON.parse(toUtf8(bytes)) as MachineReply
}

/** @throws {HoldfastError} `MALFORMED` for what is no question */
export function answerMachineQuestion(text: string, answerer: Answerer): Uint8Array {
  const bytes = fromUtf8(JSON.stringify(replyTo(questionIn(text), answerer)))
  if (bytes.length <= REPLY_BYTES_MAX) return bytes
  const reason = `the reply has ${bytes.length} bytes, the limit is ${REPLY_BYTES_MAX}`
  return fromUtf8(JSON.stringify({ type: 'failed', reason }))
}

function replyTo(question: MachineQuestion, answerer: Answerer): MachineReply {
  switch (question.type) {
    case 'ask':
      try {
        return { type: 'reply', reply: answerer.ask(question.question) }
      } catch (error) {
        return { type: 'failed', reason: error instanceof Error ? error.message : String(error) }
      }
    case 'answer':
      return { type: 'answer', kept: answerer.answerOf(question.key) }
    case 'events':
      return told(question, answerer)
    case 'facts':
      return { type: 'facts', facts: answerer.facts }
  }
}

function told(
  { after, limit }: MachineQuestion & { type: 'events' },
  { events, facts }: Answerer,
): MachineReply {
  const { oldestEvent: oldest, index } = facts
  const found = events(after, Math.min(limit, EVENTS_MAX))
  const fitting = whole(found)
  const through = fitting.length < found.length || found.length >= limit
  return {
    type: 'events',
    oldest,
    through: through ? (fitting.at(-1)?.index ?? after) : Math.max(after, index),
    events: fitting.map(({ text, ...rest }) => ({ ...rest, event: JSON.parse(text) as unknown })),
  }
}

/** As many as fit, of each entry all; those of the first entry in any case. */
function whole(events: readonly KeptEvent[]): readonly KeptEvent[] {
  let bytes = 0
  let end = 0
  for (const [at, { text, isLast }] of events.entries()) {
    bytes += text.length
    if (bytes > EVENT_BYTES_MAX && end > 0) break
    if (isLast) end = at + 1
  }
  return events.slice(0, end)
}

const types = ['ask', 'answer', 'events', 'facts']

function questionIn(text: string): MachineQuestion {
  try {
    const question = JSON.parse(text) as MachineQuestion
    if (types.includes(question.type)) return question
  } catch {
    // Said below.
  }
  const details = { code: 'MALFORMED', what: 'question', offset: 0 } as const
  throw new HoldfastError('Cannot answer: that is no question', details)
}
