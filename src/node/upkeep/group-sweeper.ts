/**
 * Tidies up one group, beside its leader, round after round:
 *
 * - contents that nobody refers to are taken apart, in steps; what they were made of is garbage;
 * - peers are told of their garbage, and what they have been told is forgotten. One that cannot be
 *   told is left for another round, and never keeps the others waiting; one that will not come back
 *   need not be told;
 * - writes and uploads whose time is over are ended, fences that have done their duty are removed;
 * - references that were given up here are given up in the ranges that hold the contents.
 *
 * Each step is one that the catalog refuses if it is not right any more, so a leader that is none
 * any longer does no harm. Peers ask the catalog once more before they drop anything.
 */
import type { Clock, PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import { SWEEP_MAX } from '../../catalog/commands.ts'
import type { GarbageFragment, Page } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Catalog, GroupQuestion, GroupQuestions } from '../catalog/catalog.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import { referenceOf } from './listed-segment.ts'

export interface GroupSweeperOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly peers: FragmentPeers
  readonly clock: Clock
  readonly timers: Timers
  readonly views: () => readonly PeerView[]
  readonly peerAt: (seat: number) => PeerId | undefined
  /** Between two rounds. */
  readonly everyMs: number
  /** How long a peer keeps garbage for those who still read it. */
  readonly graceMs: number
}

const PAGE = 256
const COLLECT_ROWS = 512
/** Steps of one round; the rest is for the next. */
const STEPS_MAX = 1_000
/** Peers that are told at once, each of one fragment after the other. */
const PEERS_AT_ONCE = 8
const CALL_MS = 5_000
const COMMAND_MS = 10_000
/** What says that the peer itself does not answer. */
const silentCodes: ReadonlySet<string> = new Set(['TIMEOUT', 'PEER_UNREACHABLE', 'BUSY'])

export class GroupSweeper {
  readonly #options: GroupSweeperOptions
  #garbage = 0

  constructor(options: GroupSweeperOptions) {
    this.#options = options
  }

  /** Fragments that were garbage when last counted, and are not known to be dropped. */
  get garbage(): number {
    return this.#garbage
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, everyMs } = this.#options
    for (;;) {
      await this.round(signal)
      await sleep(timers, everyMs, signal)
    }
  }

  async round(signal: AbortSignal): Promise<void> {
    await this.#attempt(signal, () => this.#collect(signal))
    await this.#attempt(signal, () => this.#sweep(signal))
    await this.#attempt(signal, () => this.#settle(signal))
    await this.#attempt(signal, () => this.#dropGarbage(signal))
  }

  /** What fails now is tried again with the next round. */
  async #attempt(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }

  async #collect(signal: AbortSignal): Promise<void> {
    const { catalog, group } = this.#options
    const call = { deadlineMs: COMMAND_MS, signal }
    let isMore = await catalog.askOf(group, 'hasReleased', {}, call)
    for (let step = 0; isMore && step < STEPS_MAX; step++) {
      const command = { type: 'collect', rows: COLLECT_ROWS } as const
      const applied = await catalog.proposeTo(group, command, call)
      isMore = applied.type === 'collected' && applied.isMore
    }
  }

  /** The catalog's own clock decides; ours only spares it questions. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for await (const { items } of this.#pages('watches', signal)) {
      const nowMs = clock.wallMs()
      const contents = items
        .filter(({ watch }) => watch.untilMs <= nowMs)
        .map(({ bucket, key, content }) => ({ bucket, key, content }))
      for (let at = 0; at < contents.length; at += SWEEP_MAX) {
        const some = contents.slice(at, at + SWEEP_MAX)
        await this.#propose({ type: 'sweepContents', contents: some }, signal)
      }
    }
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { catalog } = this.#options
    for await (const { items } of this.#pages('outbox', signal)) {
      const told: Uint8Array[] = []
      for (const { name, holder, row } of items) {
        const command = { type: 'dropReference', ...name, holder } as const
        await this.#attempt(signal, async () => {
          await catalog.propose(command, { deadlineMs: COMMAND_MS, signal })
          told.push(row)
        })
      }
      if (told.length > 0) await this.#propose({ type: 'settleReferences', rows: told }, signal)
    }
  }

  async #dropGarbage(signal: AbortSignal): Promise<void> {
    const silent = new Set<number>()
    let left = 0
    for await (const { items } of this.#pages('garbage', signal)) {
      const told = await this.#tellAll(items, silent, signal)
      left += items.length - told.length
      if (told.length > 0) await this.#propose({ type: 'dropGarbage', rows: told }, signal)
    }
    this.#garbage = left
  }

  /** The rows of fragments whose peers know, or need not know. */
  async #tellAll(
    items: readonly GarbageFragment[],
    silent: Set<number>,
    signal: AbortSignal,
  ): Promise<Uint8Array[]> {
    const bySeat = Map.groupBy(items, ({ fragment }) => fragment.seat)
    const states = new Map(this.#options.views().map(({ seat, state }) => [seat, state]))
    const told: Uint8Array[] = []
    const queue = [...bySeat]
    const tell = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [seat, fragments] = next
        const state = states.get(seat)
        if (state === 'gone') told.push(...fragments.map(({ row }) => row))
        if (state === 'gone' || state === 'dead' || state === undefined) continue
        for (const fragment of fragments) {
          if (silent.has(seat)) break
          const outcome = await this.#tell(fragment, signal)
          if (outcome === 'told') told.push(fragment.row)
          else if (outcome === 'silent') silent.add(seat)
        }
      }
    }
    await Promise.all(Array.from({ length: PEERS_AT_ONCE }, tell))
    return told
  }

  /** One fragment that its peer cannot deal with keeps no others waiting; a peer that is silent does. */
  async #tell(garbage: GarbageFragment, signal: AbortSignal): Promise<'told' | 'later' | 'silent'> {
    const { peers, peerAt, graceMs } = this.#options
    const { fragment, generation, index } = garbage
    const peer = peerAt(fragment.seat)
    if (peer === undefined) return 'later'
    const name = formatFragmentId(decodeFragmentId(fragment.id))
    const segment = referenceOf(garbage, generation)
    try {
      const call = { deadlineMs: CALL_MS, signal }
      await peers.release(peer, name, { segment, index, graceMs }, call)
      return 'told'
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined || signal.aborted) throw error
      // It is not there any more, or nobody there knows whose it was: nothing to drop.
      if (code === 'FRAGMENT_MISSING' || code === 'FRAGMENT_CORRUPT') return 'told'
      return silentCodes.has(code) ? 'silent' : 'later'
    }
  }

  /** To the end of a list, or to the bound of a round. */
  async *#pages<Type extends 'watches' | 'outbox' | 'garbage'>(
    type: Type,
    signal: AbortSignal,
  ): AsyncGenerator<GroupQuestions[Type]['answer']> {
    const { catalog, group } = this.#options
    let after: Uint8Array | undefined
    for (let step = 0; step < STEPS_MAX; step++) {
      const asked: GroupQuestions[GroupQuestion & Type]['asked'] = { after, limit: PAGE }
      const call = { deadlineMs: COMMAND_MS, signal }
      const page: Page<unknown> = await catalog.askOf(group, type, asked, call)
      yield page as GroupQuestions[Type]['answer']
      after = page.next
      if (after === undefined) return
    }
  }

  async #propose(command: Parameters<Catalog['proposeTo']>[1], signal: AbortSignal): Promise<void> {
    const { catalog, group } = this.#options
    await catalog.proposeTo(group, command, { deadlineMs: COMMAND_MS, signal })
  }
}
