import { ApplicationMachine } from '../../consensus/application/application-machine.ts'
import { withTime } from '../../consensus/session-command.ts'
import { SessionMachine } from '../../consensus/session-machine.ts'
import type { StateMachine } from '../../consensus/state-machine.ts'
import { inMemory } from '../consensus/memory-state.ts'
import type { ReplicaStates } from '../consensus/replica-state.ts'
import type { SnapshotStore } from '../consensus/snapshot-store.ts'
import type { Machines } from './define-machine.ts'
import { withoutChance } from './determinism.ts'
import { isGroupOf, isMachineGroup } from './machine-names.ts'

export interface MachineStatesOptions {
  readonly machines: Machines
  /** The time that commands get where this peer leads, milliseconds since 1970. */
  readonly stampMs: () => number
  /** Something was applied. */
  readonly applied: (group: number) => void
}

/** The machines of the application that run on this peer, each in the sessions of its clients. */
export class MachineStates {
  readonly #options: MachineStatesOptions
  readonly #running = new Map<number, ApplicationMachine>()

  constructor(options: MachineStatesOptions) {
    this.#options = options
  }

  /** The machine of a group, as this program has it. */
  nameOf(group: number): string | undefined {
    return Object.keys(this.#options.machines).find(name => isGroupOf(name, group))
  }

  /** The state of a group that is, or was, open. */
  machine(group: number): ApplicationMachine | undefined {
    return this.#running.get(group)
  }

  /** The states of all groups: of machines here, of others where they are. */
  beside(others: ReplicaStates, snapshots: SnapshotStore): ReplicaStates {
    const { stampMs } = this.#options
    const own = inMemory(
      group => this.#make(group),
      command => withTime(command, stampMs()),
    )(snapshots)
    const of = (group: number): ReplicaStates => (isMachineGroup(group) ? own : others)
    return {
      mark: group => of(group).mark(group),
      open: group => of(group).open(group),
      erase: group => of(group).erase(group),
    }
  }

  #make(group: number): StateMachine {
    const definition = this.#options.machines[this.nameOf(group) ?? '']
    if (definition === undefined) throw new RangeError(`group ${group} is of no machine here`)
    const machine = new ApplicationMachine({ definition, guarded: withoutChance })
    this.#running.set(group, machine)
    const inner = new SessionMachine(machine)
    return {
      apply: commands => {
        const results = inner.apply(commands)
        this.#options.applied(group)
        return results
      },
      query: question => inner.query(question),
      snapshot: () => inner.snapshot(),
      restore: pieces => inner.restore(pieces),
    }
  }
}
