import { equals } from '../../../src/base/bytes.ts'
import { replicasOf } from '../../../src/consensus/configuration.ts'
import type { Entry } from '../../../src/consensus/entry.ts'
import type { RaftEffect } from '../../../src/consensus/raft-effect.ts'
import type { Cluster, Replica } from '../../consensus/cluster.ts'
import { demand } from '../scenario.ts'

/**
 * What must hold of a group at every moment (figure 3 of the paper), told from its effects: election
 * safety, log matching, leader completeness, state machine safety; and that a read never answers with
 * less than was committed when it was asked.
 */
export class RaftInvariants {
  readonly #cluster: Cluster
  readonly #leaderOf = new Map<number, string>()
  /** The one history: what anybody ever applied, by index. */
  readonly #history: Entry[] = []
  /** In which term each of them was committed: whoever commits it is the first to apply it. */
  readonly #committedIn: number[] = []
  /** How far each replica has applied in this run of it. */
  readonly #reached = new Map<Replica, number>()
  /** What was committed anywhere when a read was asked. */
  readonly #asked = new Map<number, number>()
  #asking: number | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get committed(): number {
    return this.#history.length
  }

  see(replica: Replica, effect: RaftEffect): void {
    if (effect.type === 'role' && effect.role === 'leader') this.#elected(replica, effect.term)
    if (effect.type === 'apply') for (const entry of effect.entries) this.#apply(replica, entry)
    if (effect.type === 'install') this.#reached.set(replica, effect.snapshot.index)
    if (effect.type === 'readReady') {
      for (const id of effect.ids) {
        const committed = this.#asked.get(id) ?? this.#asking ?? 0
        this.#asked.delete(id)
        demand(effect.index >= committed, `a read sees ${effect.index} of ${committed} commits`)
      }
    }
  }

  /** Asks something of a replica; it may be answered at once. */
  asked(ask: () => number): void {
    this.#asking = this.#history.length
    const id = ask()
    this.#asked.set(id, this.#history.length)
    this.#asking = undefined
  }

  crashed(replica: Replica): void {
    this.#reached.set(replica, replica.stored.snapshot.index)
  }

  /** Whether all members that are up hold the whole history. */
  areSame(): boolean {
    const replicas = [...this.#cluster.replicas.values()]
    const leader = replicas.find(({ raft }) => raft?.role === 'leader')
    if (leader?.raft === undefined) return false
    // Something is still to be committed.
    if (leader.raft.last.index > this.#history.length) return false
    const members = replicasOf(leader.raft.configuration)
    return members.every(id => (this.#cluster.of(id).raft?.commit ?? 0) >= this.#history.length)
  }

  #elected(replica: Replica, term: number): void {
    const other = this.#leaderOf.get(term)
    demand(other === undefined || other === replica.id, `term ${term} has two leaders`)
    this.#leaderOf.set(term, replica.id)
    const log = replica.raft?.inside.state.log
    if (log === undefined) return
    for (let index = log.base.index + 1; index <= this.#history.length; index++) {
      // A late count of old votes makes a leader whom a newer one has overtaken already.
      if ((this.#committedIn[index - 1] as number) >= term) return
      const isThere = log.termAt(index) === this.#history[index - 1]?.term
      demand(isThere, `leader of ${term} lacks entry ${index}, which was committed before`)
    }
  }

  #apply(replica: Replica, entry: Entry): void {
    const reached = this.#reached.get(replica) ?? replica.stored.snapshot.index
    demand(entry.index === reached + 1, `${replica.id} applies ${entry.index} after ${reached}`)
    this.#reached.set(replica, entry.index)
    const known = this.#history[entry.index - 1]
    if (known === undefined) {
      demand(entry.index === this.#history.length + 1, 'history has no gaps')
      this.#history.push(entry)
      this.#committedIn.push(replica.raft?.term ?? 0)
      return
    }
    const isSame = known.term === entry.term && equals(known.data, entry.data)
    demand(isSame, `${replica.id} applies something else as entry ${entry.index}`)
  }
}
