import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/environment.ts'
import {
  decodeKvAnswer,
  encodeKvCommand,
  type KvCommand,
} from '../../../src/consensus/kv-command.ts'
import { KvMachine } from '../../../src/consensus/kv-machine.ts'
import { decodeKvReply, encodeKvQuestion } from '../../../src/consensus/kv-question.ts'
import {
  decodeSessionReply,
  encodeSessionRequest,
  type SessionReply,
} from '../../../src/consensus/session-command.ts'
import { SessionMachine } from '../../../src/consensus/session-machine.ts'
import { checkHistory } from '../linearizability/checker.ts'
import { type Action, HistoryRecorder, type Outcome } from '../linearizability/history.ts'
import { faultOfWatch, type WatchedEvent } from '../linearizability/watches.ts'
import { demand, type Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

/**
 * Clients of a replicated map whose log is perfect and whose network is not: requests are lost, come
 * twice and overtake each other, and so do answers; clients ask again in their sessions and give up
 * in the end. Replicas apply the log at their own pace, restart from snapshots, and answer reads
 * once they are as far as the log was. What clients saw must be linearizable, each watch whole, and
 * equal replicas equal to the byte. It tries the machine and its sessions alone; the log's own
 * troubles are another scenario's.
 */
export const kvScenario: Scenario = {
  name: 'kv',
  minutes: 0.2,
  play: (world, minutes) => new KvRun(world).play(minutes * 60_000),
}

const KEYS = ['a', 'b', 'c']
const LIMITS = { ttlMs: 4_000, sessionsMax: 6 }
const ATTEMPTS_MAX = 5

class KvRun {
  readonly #world: World
  readonly #random: Random
  readonly #log: Uint8Array[] = []
  readonly #replicas: KvReplica[] = []
  readonly #recorder = new HistoryRecorder()
  readonly #watches: { key: string; events: WatchedEvent[] }[] = []
  readonly #counts = { operations: 0, retries: 0, expired: 0, restarts: 0, unknown: 0 }
  readonly #lossRate: number
  readonly #twiceRate: number
  readonly #delayMs: number
  #values = 0
  #isOver = false

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('kv scenario')
    this.#lossRate = this.#random.pick([0, 0.1, 0.4])
    this.#twiceRate = this.#random.pick([0, 0.2, 0.5])
    this.#delayMs = this.#random.pick([1, 10, 60])
    for (let at = 0; at < 3; at++) this.#replicas.push(new KvReplica())
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    const clients = this.#random.pick([2, 4, 8])
    const work = Array.from({ length: clients }, (_, at) => this.#client(`c${at}`))
    const rest = [this.#disturb(), ...KEYS.map(key => this.#watch(key))]
    await this.#world.sleep(durationMs)
    this.#isOver = true
    await Promise.all([...work, ...rest])
    this.#judge()
    return this.#counts
  }

  /** One operation after the other, each in the client's session as long as that lives. */
  async #client(client: string): Promise<void> {
    let session = 0
    let sequence = 0
    while (!this.#isOver) {
      await this.#world.sleep(this.#random.exponential(30))
      if (this.#random.chance(0.02)) await this.#world.sleep(LIMITS.ttlMs)
      if (session === 0) {
        session = await this.#register()
        sequence = 0
        continue
      }
      this.#counts.operations++
      const key = this.#random.pick(KEYS)
      if (this.#random.chance(0.4)) {
        await this.#get(client, key)
        continue
      }
      if (!(await this.#write({ client, key, session, sequence: ++sequence }))) session = 0
    }
  }

  async #register(): Promise<number> {
    const reply = await this.#attempt(timeMs => encodeSessionRequest({ type: 'register', timeMs }))
    return reply?.type === 'registered' ? reply.session : 0
  }

  /** False if the session is over. */
  async #write({ client, key, session, sequence }: Write): Promise<boolean> {
    const [action, command] = this.#draw(key)
    const settle = this.#recorder.call({ client, key, action }, this.#world.nowMs)
    const payload = encodeKvCommand(command)
    // What was given up may still be on its way, so its number is never acknowledged.
    const ackedBelow = this.#random.chance(0.5) ? sequence : 1
    let reply: SessionReply | undefined
    for (let attempt = 0; reply === undefined && attempt < ATTEMPTS_MAX; attempt++) {
      if (attempt > 0) this.#counts.retries++
      reply = await this.#attempt(timeMs =>
        encodeSessionRequest({ type: 'command', timeMs, session, sequence, ackedBelow, payload }),
      )
    }
    if (reply?.type === 'done') {
      settle(outcomeOf(reply.payload), this.#world.nowMs)
      return true
    }
    this.#counts.unknown++
    demand(reply?.type !== 'acked', 'a command whose answer is missing was acknowledged')
    if (reply?.type === 'expired') this.#counts.expired++
    return false
  }

  #draw(key: string): [Action, KvCommand] {
    const value = `v${++this.#values}`
    const kind = this.#random.below(10)
    if (kind < 5)
      return [
        { type: 'put', value },
        { type: 'put', key, value: fromUtf8(value) },
      ]
    if (kind < 6) return [{ type: 'delete' }, { type: 'delete', key }]
    const entry = this.#random.pick(this.#replicas).get(key)
    const revision = entry?.revision ?? 0
    const expected =
      revision === 0 ? { type: 'absent' as const } : { type: 'revision' as const, revision }
    return [
      { type: 'cas', expected: { revision }, value },
      { type: 'cas', key, expected, value: fromUtf8(value) },
    ]
  }

  async #get(client: string, key: string): Promise<void> {
    const settle = this.#recorder.call({ client, key, action: { type: 'get' } }, this.#world.nowMs)
    const index = this.#log.length
    await this.#world.sleep(this.#random.exponential(this.#delayMs))
    const replica = this.#random.pick(this.#replicas)
    replica.catchUp(this.#log, index)
    const entry = replica.get(key)
    const value = entry === undefined ? undefined : toUtf8(entry.value)
    const revision = entry === undefined ? {} : { revision: entry.revision }
    settle({ type: 'found', value, ...revision }, this.#world.nowMs)
  }

  /** Sends a request, perhaps twice, perhaps in vain; the answer, unless that is lost. */
  async #attempt(encode: (timeMs: number) => Uint8Array): Promise<SessionReply | undefined> {
    const copies = this.#random.chance(this.#twiceRate) ? 2 : 1
    const answers = Array.from({ length: copies }, () => this.#sendOnce(encode))
    const replies = await Promise.all(answers)
    return replies.find(reply => reply !== undefined)
  }

  async #sendOnce(encode: (timeMs: number) => Uint8Array): Promise<SessionReply | undefined> {
    await this.#world.sleep(this.#random.exponential(this.#delayMs))
    if (this.#random.chance(this.#lossRate)) return undefined
    if (this.#random.chance(this.#lossRate / 4)) {
      // Overtaken by what the client does next, and heard by nobody.
      void this.#world.sleep(this.#random.exponential(1_000)).then(() => this.#append(encode))
      return undefined
    }
    const index = this.#append(encode)
    await this.#world.sleep(this.#random.exponential(this.#delayMs))
    const replica = this.#random.pick(this.#replicas)
    replica.catchUp(this.#log, index)
    return this.#random.chance(this.#lossRate) ? undefined : replica.replyAt(index)
  }

  #append(encode: (timeMs: number) => Uint8Array): number {
    // Leaders' clocks differ.
    const timeMs = Math.max(0, this.#world.nowMs + this.#random.below(200) - 100)
    return this.#log.push(encode(timeMs))
  }

  async #disturb(): Promise<void> {
    while (!this.#isOver) {
      await this.#world.sleep(this.#random.exponential(100))
      const replica = this.#random.pick(this.#replicas)
      replica.catchUp(this.#log, this.#random.below(this.#log.length + 1))
      if (!this.#random.chance(0.3)) continue
      this.#counts.restarts++
      replica.restart(this.#random.chance(0.5) ? this.#random.pick(this.#replicas) : replica)
    }
  }

  async #watch(key: string): Promise<void> {
    const events: WatchedEvent[] = []
    let after = 0
    while (!this.#isOver) {
      await this.#world.sleep(this.#random.exponential(100))
      const question = encodeKvQuestion({ type: 'changes', prefix: key, after, limit: 3 })
      const reply = decodeKvReply(this.#random.pick(this.#replicas).machine.query(question))
      demand(reply.type === 'changes', 'a watch that keeps up is told it does not')
      for (const { value, revision } of reply.changes) {
        events.push({ revision, value: value && toUtf8(value) })
      }
      after = reply.through
    }
    this.#watches.push({ key, events })
  }

  #judge(): void {
    for (const replica of this.#replicas) replica.catchUp(this.#log, this.#log.length)
    const [first, ...others] = this.#replicas.map(({ machine }) =>
      [...machine.snapshot()].join(' '),
    )
    demand(
      others.every(other => other === first),
      'replicas at one index are not equal',
    )
    const history = this.#recorder.operations
    const verdict = checkHistory(history)
    demand(verdict.type !== 'violated', verdict.type === 'violated' ? verdict.explanation.text : '')
    demand(verdict.type === 'linearizable', 'the history cannot be decided')
    for (const { key, events } of this.#watches) {
      const fault = faultOfWatch({ watcher: 'w', key, after: 0, events }, history)
      demand(fault === undefined, fault ?? '')
    }
  }
}

interface Write {
  readonly client: string
  readonly key: string
  readonly session: number
  readonly sequence: number
}

/** A machine somewhere in the log, and what it answered. */
class KvReplica {
  machine = new SessionMachine(new KvMachine(), LIMITS)
  #applied = 0
  #replies: Uint8Array[] = []

  catchUp(log: readonly Uint8Array[], index: number): void {
    const commands = log
      .slice(this.#applied, index)
      .map((data, at) => ({ index: this.#applied + at + 1, data }))
    this.#replies.push(...this.machine.apply(commands))
    this.#applied += commands.length
  }

  replyAt = (index: number): SessionReply =>
    decodeSessionReply(this.#replies[index - 1] as Uint8Array)

  get(key: string) {
    const reply = decodeKvReply(this.machine.query(encodeKvQuestion({ type: 'get', key })))
    demand(reply.type === 'entry', 'a get is answered with an entry')
    return reply.entry
  }

  /** Goes on from a snapshot of its own or of another. */
  restart(from: KvReplica): void {
    const pieces = [...from.machine.snapshot()].map(piece => piece.slice())
    this.machine = new SessionMachine(new KvMachine(), LIMITS)
    this.machine.restore(pieces)
    this.#replies = [...from.#replies]
    this.#applied = from.#applied
  }
}

function outcomeOf(payload: Uint8Array): Outcome {
  const answer = decodeKvAnswer(payload)
  demand(answer.type !== 'refused', 'a good command is refused')
  if (answer.type === 'written') return answer
  const { entry } = answer
  if (entry === undefined) return { type: 'found', value: undefined }
  return { type: 'found', value: toUtf8(entry.value), revision: entry.revision }
}
