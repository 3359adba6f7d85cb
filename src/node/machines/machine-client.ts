/**
 * A machine as this peer reaches it. A command with a key is sent again until its end is known, for
 * the machine itself knows whether it had it before; one without goes through a session.
 */
import { fromUtf8, toHex } from '../../base/bytes.ts'
import type { Clock, Random, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep, withDeadline } from '../../base/waiting.ts'
import { KEY_UNITS_MAX, type MachineFile } from '../../consensus/application/definition.ts'
import {
  decodeMachineResult,
  encodeMachineCommand,
  type Kept,
  type MachineCommand,
  type MachineResult,
} from '../../consensus/application/machine-command.ts'
import {
  decodeMachineReply,
  encodeMachineQuestion,
  type MachineQuestion,
  type MachineReply,
} from '../../consensus/application/machine-question.ts'
import { textOf } from '../../consensus/application/machine-rows.ts'
import { decodeSessionReply, encodeSessionRequest } from '../../consensus/session-command.ts'
import { StateHash } from '../../consensus/state-hash.ts'
import type { CatalogReach } from '../catalog/catalog-reach.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import { SessionClient } from '../consensus/session-client.ts'
import type { Store } from '../store/store.ts'
import { failed, failureOf, refused, strange, trimmed, unknown } from './machine-failures.ts'
import type {
  MachineEvent,
  MachineHandle,
  MachineStatus,
  MachineUpload,
  QueryOptions,
  Receipt,
  SubmitOptions,
  WatchOptions,
} from './machine-handle.ts'
import type { MachineHost } from './machine-host.ts'

export interface MachineClientOptions {
  readonly name: string
  readonly host: Pick<MachineHost, 'groupOf'>
  readonly node: ConsensusNode
  readonly reach: CatalogReach
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly store: () => Store | undefined
  /** Resolves when something was applied to the group's state here, or never if there is none. */
  readonly applied: (group: number) => Promise<void>
}

const DEADLINE_MS = 10_000
const ATTEMPT_MS = 1_500
const AGAIN_MS = 30
const WATCH_EVERY_MS = 100
const EVENTS_AT_ONCE = 256
/** For how long files may wait for their command, by the time of the log. */
const STAGE_MS = 600_000
/** Storing them ends before that. */
const UPLOAD_MS = 300_000
const STAGE_BYTES = 16
const FILES_MAX = 16

interface Limits {
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

export class MachineClient implements MachineHandle {
  readonly #options: MachineClientOptions
  readonly #sessions = new Map<number, SessionClient>()

  constructor(options: MachineClientOptions) {
    this.#options = options
  }

  async submit(command: unknown, options: SubmitOptions = {}): Promise<Receipt> {
    const { key, fingerprint = command, files = {} } = options
    checkKey(key)
    const print = key === undefined ? undefined : printOf(textOf(fingerprint, 'command'))
    const limits = limitsOf(options)
    if (Object.keys(files).length > 0) {
      return this.#submitWith(files, { type: 'command', command, key, print }, limits)
    }
    return this.#done({ type: 'command', command, key, print }, limits)
  }

  async query(question: unknown, options: QueryOptions = {}): Promise<unknown> {
    const reply = await this.#ask({ type: 'ask', question: question ?? null }, options)
    return reply.type === 'reply' ? reply.reply : undefined
  }

  async answerOf(key: string, options: QueryOptions = {}): Promise<Receipt | undefined> {
    checkKey(key)
    const reply = await this.#ask({ type: 'answer', key }, options)
    if (reply.type !== 'answer' || reply.kept === undefined) return undefined
    const { type, text, ...rest } = reply.kept
    return this.#receipt({ type, ...rest, answer: JSON.parse(text) as unknown, isRepeat: true })
  }

  async inspect(options: QueryOptions = {}): Promise<MachineStatus> {
    const group = await this.#group(limitsOf(options))
    const reply = await this.#ask({ type: 'facts' }, options)
    if (reply.type !== 'facts') throw strange(reply.type)
    return { group, ...reply.facts }
  }

  async *watch({ after, signal }: WatchOptions = {}): AsyncGenerator<MachineEvent> {
    const { timers, applied } = this.#options
    const limits = { deadlineMs: DEADLINE_MS, signal }
    const group = await this.#group(limits)
    let through = after ?? (await this.inspect({ signal })).index
    for (;;) {
      signal?.throwIfAborted()
      const wake = applied(group)
      const question = { type: 'events', after: through, limit: EVENTS_AT_ONCE } as const
      const reply = await this.#ask(question, { consistency: 'stale', ...limits })
      if (reply.type !== 'events') throw strange(reply.type)
      if (through < reply.oldest) throw trimmed(through, reply.oldest)
      for (const { index, ms, count, event, isLast } of reply.events) {
        yield { index, stamp: { ms, count }, event, isLast }
      }
      through = Math.max(through, reply.through)
      if (reply.events.length === 0) {
        await Promise.race([wake, sleep(timers, WATCH_EVERY_MS, signal)])
      }
    }
  }

  /** Announces the files, stores them, and has the command take them. */
  async #submitWith(
    files: Readonly<Record<string, MachineUpload>>,
    command: Wanted,
    limits: Limits,
  ): Promise<Receipt> {
    const store = this.#options.store()
    if (store === undefined) throw new RangeError('this peer has no store')
    const named = Object.entries(files)
    if (named.length > FILES_MAX) throw new RangeError(`a command has at most ${FILES_MAX} files`)
    const stage = toHex(this.#options.random.bytes(STAGE_BYTES))
    const places = named.map(([name, { bucket }]) => ({
      bucket,
      key: `machines/${this.#options.name}/${stage}/${name}`,
    }))
    const announced = { type: 'stage', stage, ttlMs: STAGE_MS, files: places } as const
    const begun = await this.#result(announced, limits)
    if (begun.type !== 'ok') throw failureOf(begun, this.#options.name, command.key)
    const stored: MachineFile[] = []
    const what = { ms: UPLOAD_MS, what: 'files', signal: limits.signal }
    await withDeadline(this.#options.timers, what, async signal => {
      for (const [at, [name, { source, contentType }]] of named.entries()) {
        const place = places[at] as (typeof places)[number]
        const headers = { 'content-type': contentType ?? 'application/octet-stream' }
        const { version, etag, sizeBytes } = await store.put(place, source, { headers, signal })
        stored.push({ name, ...place, version, etag, sizeBytes })
      }
    })
    return this.#done({ ...command, stage, files: stored }, limits)
  }

  async #done(command: Wanted, limits: Limits): Promise<Receipt> {
    const result = await this.#result(command, limits)
    if (result.type !== 'done' && result.type !== 'refused')
      throw failureOf(result, this.#options.name, command.key)
    return this.#receipt(result)
  }

  #receipt({ type, answer, index, ms, count, isRepeat = false }: Kept): Receipt {
    if (type === 'done') return { answer, index, stamp: { ms, count }, isRepeat }
    throw refused(this.#options.name, String(answer), index)
  }

  /** What became of a command, in the end. */
  async #result(command: MachineCommand, limits: Limits): Promise<MachineResult> {
    const { clock, timers } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    const payload = encodeMachineCommand(command)
    const isOnce = !('key' in command) || command.key === undefined
    for (;;) {
      const leftMs = Math.max(1, endMs - clock.monotonicMs())
      const group = await this.#group({ ...limits, deadlineMs: leftMs })
      const left = { ...limits, deadlineMs: Math.max(1, endMs - clock.monotonicMs()) }
      const result = isOnce
        ? decodeMachineResult(await this.#session(group).once(payload, left))
        : await this.#untilKnown(group, payload, left)
      if (result.type !== 'unready' || clock.monotonicMs() >= endMs) return result
      await sleep(timers, AGAIN_MS, limits.signal)
    }
  }

  /** It may be sent again and again, to whoever answers. */
  async #untilKnown(
    group: number,
    payload: Uint8Array,
    { deadlineMs, signal }: Limits,
  ): Promise<MachineResult> {
    const { clock, timers, reach } = this.#options
    const endMs = clock.monotonicMs() + deadlineMs
    const request = encodeSessionRequest({ type: 'plain', timeMs: clock.wallMs(), payload })
    let isUnknown = false
    for (;;) {
      const leftMs = endMs - clock.monotonicMs()
      try {
        const attempt = { deadlineMs: Math.max(1, Math.min(leftMs, ATTEMPT_MS)), signal }
        const reply = decodeSessionReply(await reach.propose(group, request, attempt))
        if (reply.type !== 'done') throw strange(reply.type)
        return decodeMachineResult(reply.payload)
      } catch (error) {
        const code = codeOf(error)
        isUnknown ||= code === 'OUTCOME_UNKNOWN'
        if (!mayPass(code) || signal?.aborted === true) throw error
        if (endMs - clock.monotonicMs() <= AGAIN_MS) throw isUnknown ? unknown(group, error) : error
        await sleep(timers, AGAIN_MS, signal)
      }
    }
  }

  async #ask(question: MachineQuestion, options: QueryOptions): Promise<MachineReply> {
    const limits = limitsOf(options)
    const group = await this.#group(limits)
    const asked = encodeMachineQuestion(question)
    const reply = decodeMachineReply(await this.#untilAnswered(group, asked, options))
    if (reply.type !== 'failed') return reply
    throw failed(this.#options.name, 'answer', reply.reason)
  }

  /** A question may be asked again: a young group may have no leader yet, or nobody knows of it. */
  async #untilAnswered(
    group: number,
    question: Uint8Array,
    options: QueryOptions,
  ): Promise<Uint8Array> {
    const { clock, timers } = this.#options
    const { deadlineMs, signal } = limitsOf(options)
    const endMs = clock.monotonicMs() + deadlineMs
    for (;;) {
      const leftMs = Math.max(1, endMs - clock.monotonicMs())
      try {
        const limits = { deadlineMs: Math.min(leftMs, ATTEMPT_MS), signal }
        return await this.#answer(group, question, options, limits)
      } catch (error) {
        const isLate = endMs - clock.monotonicMs() <= AGAIN_MS
        const mayHelp = mayPass(codeOf(error)) && signal?.aborted !== true
        if (!mayHelp || isLate) throw error
        await sleep(timers, AGAIN_MS, signal)
      }
    }
  }

  async #answer(
    group: number,
    question: Uint8Array,
    { consistency = 'linearizable' }: QueryOptions,
    limits: Limits,
  ): Promise<Uint8Array> {
    const { node, reach } = this.#options
    if (consistency === 'linearizable') {
      if (reach.isHere(group)) return node.query(group, question, limits)
      return reach.query(group, question, limits)
    }
    if (node.group(group) !== undefined) return node.queryStale(group, question)
    return reach.queryStale(group, question, limits)
  }

  #group(limits: Limits): Promise<number> {
    return this.#options.host.groupOf(this.#options.name, limits)
  }

  #session(group: number): SessionClient {
    const known = this.#sessions.get(group)
    if (known !== undefined) return known
    const { clock, timers, reach } = this.#options
    const propose = (command: Uint8Array, call: Limits): Promise<Uint8Array> =>
      reach.propose(group, command, call)
    const made = new SessionClient({
      group,
      clock,
      timers,
      propose: (command, { deadlineMs, signal }) => propose(command, { deadlineMs, signal }),
    })
    this.#sessions.set(group, made)
    return made
  }
}

type Wanted = Extract<MachineCommand, { readonly type: 'command' }>

const limitsOf = ({ deadlineMs = DEADLINE_MS, signal }: QueryOptions): Limits => ({
  deadlineMs,
  signal,
})

/** Somebody else, or the same peer a little later, may do better. */
const mayPass = (code: string | undefined): boolean =>
  [
    'BUSY',
    'GROUP_UNKNOWN',
    'NO_QUORUM',
    'NOT_LEADER',
    'OUTCOME_UNKNOWN',
    'PEER_UNREACHABLE',
    'TIMEOUT',
  ].includes(code ?? '')

/** Tells a command from others that may come with its key. */
function printOf(text: string): string {
  const hash = new StateHash()
  hash.add([fromUtf8(text)])
  return hash.digest()
}

function checkKey(key: string | undefined): void {
  if (key === undefined) return
  const fits = key !== '' && key.length <= KEY_UNITS_MAX && key.isWellFormed()
  if (!fits) throw new RangeError(`an idempotency key has 1 to ${KEY_UNITS_MAX} characters`)
}
