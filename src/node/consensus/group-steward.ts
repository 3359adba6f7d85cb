/**
 * Keeps the voters of a group as they should be, where this peer leads it: shows the election what
 * the roster and the group look like, and carries out what it decides.
 *
 * Only the peer itself knows under which name it would take part (consensus-node.ts), so whoever is
 * to become a learner is invited first. A voter that is alive and yet silent is asked as well: if its
 * store is another now, it has another name, and the old one is gone for good.
 */
import type { Clock, PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { Membership } from '../../consensus/configuration.ts'
import type { ElectionPeer } from '../../consensus/election-input.ts'
import { Election, type ElectionOptions, type ElectionOutcome } from '../../consensus/election.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { ConsensusNode } from './consensus-node.ts'
import type { RaftGroup } from './raft-group.ts'
import { peerOf } from './replica-name.ts'

/** A peer as the membership sees it. */
export type RosterPeer = Omit<ElectionPeer, 'replica' | 'former'> & { readonly peer: PeerId }

export interface GroupStewardOptions extends ElectionOptions {
  readonly node: ConsensusNode
  readonly group: number
  readonly clock: Clock
  readonly roster: () => readonly RosterPeer[]
  /** Told of each decision before it is carried out, and of what stands in the way when it changes. */
  readonly told?: (outcome: ElectionOutcome) => void
}

const INVITE_MS = 500
/** A voter that is silent for longer, though alive, is asked for its name. */
const SILENT_MS = 2_000
/** Stands for the name of a peer that was not invited yet. */
const UNNAMED = '?'

export class GroupSteward {
  readonly #options: GroupStewardOptions
  readonly #election: Election
  /** Under which names peers answered last. */
  readonly #names: Map<PeerId, ReplicaId> = new Map()
  #last = ''
  #isBusy = false

  constructor(options: GroupStewardOptions) {
    this.#options = options
    this.#election = new Election(options)
  }

  /**
   * Looks once and does what has to be done; to be called about every second. Failures that may pass
   * are left to the next look.
   */
  async look(): Promise<void> {
    const { node, group } = this.#options
    const replica = node.group(group)
    if (replica === undefined || this.#isBusy) return
    this.#isBusy = true
    try {
      if (replica.role === 'leader') await this.#askSilent(replica)
      await this.#carryOut(this.#observe(replica))
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    } finally {
      this.#isBusy = false
    }
  }

  #observe(replica: RaftGroup): ElectionOutcome {
    const { configuration, members, commit } = replica
    const progress = new Map(
      [...members].map(([name, { match, heardMsAgo }]) => [
        name,
        { lag: Math.max(0, commit - match), silentMs: heardMsAgo },
      ]),
    )
    const outcome = this.#election.step(
      {
        type: 'observe',
        peers: this.#options.roster().map(peer => this.#named(peer, replica)),
        group: {
          self: replica.replica,
          isLeader: replica.role === 'leader',
          // If one is under way that does not show yet, the group refuses the next.
          isChanging: false,
          configuration,
          progress,
        },
      },
      this.#options.clock.monotonicMs(),
    )
    this.#tell(outcome)
    return outcome
  }

  #tell(outcome: ElectionOutcome): void {
    const now = JSON.stringify([outcome.target, outcome.holds.map(({ code }) => code)])
    if (outcome.decision === undefined && now === this.#last) return
    this.#last = now
    this.#options.told?.(outcome)
  }

  /** With the name it has in the group, or would have. */
  #named({ peer, ...rest }: RosterPeer, { configuration, replica }: RaftGroup): ElectionPeer {
    const { voters, outgoing, learners } = configuration
    const seats = [...voters, ...outgoing, ...learners].filter(name => peerOf(name) === peer)
    const answered = peerOf(replica) === peer ? replica : this.#names.get(peer)
    const name = answered ?? seats.at(-1) ?? `${peer}/${UNNAMED}`
    return { ...rest, replica: name, former: seats.filter(seat => seat !== name) }
  }

  async #carryOut({ decision }: ElectionOutcome): Promise<void> {
    if (decision === undefined) return
    const { node, group } = this.#options
    await node.change(group, await this.#invited(decision.membership))
  }

  async #invited({ voters, learners }: Membership): Promise<Membership> {
    const names: ReplicaId[] = []
    for (const learner of learners) {
      names.push(learner.endsWith(`/${UNNAMED}`) ? await this.#invite(peerOf(learner)) : learner)
    }
    return { voters, learners: names }
  }

  async #invite(peer: PeerId): Promise<ReplicaId> {
    const { node, group } = this.#options
    const name = await node.invite(peer, group, { deadlineMs: INVITE_MS })
    this.#names.set(peer, name)
    return name
  }

  /** One of those who are alive and silent. */
  async #askSilent({ members }: RaftGroup): Promise<void> {
    const alive = new Set(
      this.#options
        .roster()
        .filter(({ state }) => state === 'alive')
        .map(({ peer }) => peer),
    )
    for (const [name, { heardMsAgo }] of members) {
      if (heardMsAgo < SILENT_MS || !alive.has(peerOf(name))) continue
      await this.#invite(peerOf(name)).catch((error: unknown) => {
        if (codeOf(error) === undefined) throw error
      })
      return
    }
  }
}
