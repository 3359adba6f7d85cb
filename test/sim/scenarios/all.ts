import type { Scenario } from '../scenario.ts'
import { clockScenario } from './clock.ts'
import { consensusScenario } from './consensus.ts'
import { electionScenario } from './election.ts'
import { fragmentsScenario } from './fragments.ts'
import { kvScenario } from './kv.ts'
import { membershipScenario } from './membership.ts'
import { networkScenario } from './network.ts'
import { raftScenario } from './raft.ts'
import { walScenario } from './wal.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [
    walScenario,
    networkScenario,
    fragmentsScenario,
    membershipScenario,
    clockScenario,
    raftScenario,
    consensusScenario,
    electionScenario,
    kvScenario,
  ].map(scenario => [scenario.name, scenario]),
)
