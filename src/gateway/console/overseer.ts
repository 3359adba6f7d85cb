/**
 * Looks at the whole network for the console. Whoever asks at the same time, or shortly after, gets
 * the same answer, so that many pages cost what one costs; and while nobody asks, nothing is looked at.
 */
import { codeOf } from '../../base/errors.ts'
import { Remembered } from '../remembered.ts'
import type { ServedNode } from '../route.ts'
import { groupRows } from './group-rows.ts'
import { overviewOf, type StoredUsage } from './overview.ts'
import { peerRows } from './peer-rows.ts'
import type { GroupRow } from './views/groups.ts'
import type { OverviewView } from './views/overview.ts'
import type { PeerRow } from './views/peers.ts'
import type { RepairRow } from './views/repairs.ts'

export interface OverseerOptions {
  readonly node: ServedNode
  readonly program: string
  readonly nowMs: () => number
}

const FRESH_MS = 1_000
/** Usage is summed over buckets, a question each. */
const USAGE_FRESH_MS = 5_000
const BUCKETS_MAX = 1_000
const BUCKETS_AT_ONCE = 8
const REPAIRS = 100
const ASK_MS = 3_000
/** What is not known now is not told as it was. */
const never = (): boolean => false

export class Overseer {
  readonly #options: OverseerOptions
  readonly #answers: Remembered<unknown>
  readonly #usage: Remembered<StoredUsage | undefined>

  constructor(options: OverseerOptions) {
    this.#options = options
    const { nowMs } = options
    this.#answers = new Remembered({
      ask: async name => this.#look(name),
      isPassing: never,
      nowMs,
      freshMs: FRESH_MS,
    })
    this.#usage = new Remembered({
      ask: () => this.#sum(),
      isPassing: never,
      nowMs,
      freshMs: USAGE_FRESH_MS,
    })
  }

  peers(): readonly PeerRow[] {
    const { node, nowMs } = this.#options
    return peerRows(node.peers(), nowMs())
  }

  overview(): Promise<OverviewView> {
    return this.#answers.get('overview') as Promise<OverviewView>
  }

  groups(): Promise<readonly GroupRow[]> {
    return this.#answers.get('groups') as Promise<readonly GroupRow[]>
  }

  repairs(): Promise<readonly RepairRow[]> {
    return this.#answers.get('repairs') as Promise<readonly RepairRow[]>
  }

  async #look(name: string): Promise<unknown> {
    const { node } = this.#options
    if (name === 'overview') return this.#overview()
    if (name === 'groups') return groupRows(await node.groups(), this.peers())
    const repairs = await node.repairs({ limit: REPAIRS, signal: AbortSignal.timeout(ASK_MS) })
    return repairs.map(repair => ({ ...repair, at: repair.at.toISOString() }))
  }

  async #overview(): Promise<OverviewView> {
    const { node, nowMs, program } = this.#options
    const status = node.status()
    const [groups, health, usage] = await Promise.all([
      node.groups(),
      orNothing(node.health({ signal: AbortSignal.timeout(ASK_MS) })),
      status.role === 'storage' ? undefined : this.#usage.get(''),
    ])
    return overviewOf({
      nowMs: nowMs(),
      status,
      peers: this.peers(),
      groups,
      health,
      usage,
      scheme: node.scheme(),
      history: node.history(),
      program,
    })
  }

  /** Undefined if it cannot be asked, or is in too many buckets to be asked now and then. */
  #sum(): Promise<StoredUsage | undefined> {
    return orNothing(this.#sumBuckets(AbortSignal.timeout(ASK_MS)))
  }

  async #sumBuckets(signal: AbortSignal): Promise<StoredUsage | undefined> {
    const { node } = this.#options
    const call = { consistency: 'stale', signal } as const
    const names: string[] = []
    for await (const { name } of node.buckets(call)) {
      names.push(name)
      if (names.length > BUCKETS_MAX) return undefined
    }
    let [objects, bytes] = [0, 0]
    const queue = [...names]
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const usage = await node.usage(name, call)
        objects += usage.objects
        bytes += usage.bytes
      }
    }
    await Promise.all(Array.from({ length: BUCKETS_AT_ONCE }, work))
    return { buckets: names.length, objects, bytes }
  }
}

/** Nothing instead of a failure that is to be expected: pages then say that it is not known. */
async function orNothing<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError'
    if (codeOf(error) === undefined && !isLate) throw error
    return undefined
  }
}
