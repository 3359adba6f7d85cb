import type { Scenario } from '../scenario.ts'
import { admissionScenario } from './admission.ts'
import { catalogGroupScenario } from './catalog-group.ts'
import { catalogScenario } from './catalog.ts'
import { clockScenario } from './clock.ts'
import { consensusScenario } from './consensus.ts'
import { electionScenario } from './election.ts'
import { fragmentsScenario } from './fragments.ts'
import { kvScenario } from './kv.ts'
import { membershipScenario } from './membership.ts'
import { networkScenario } from './network.ts'
import { paymentsScenario } from './payments.ts'
import { placementScenario } from './placement.ts'
import { raftScenario } from './raft.ts'
import { upkeepScenario } from './upkeep.ts'
import { walScenario } from './wal.ts'
import { wiresScenario } from './wires.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [
    walScenario,
    wiresScenario,
    fragmentsScenario,
    membershipScenario,
    admissionScenario,
    clockScenario,
    raftScenario,
    consensusScenario,
    electionScenario,
    kvScenario,
    catalogScenario,
    catalogGroupScenario,
    placementScenario,
    upkeepScenario,
    networkScenario,
    paymentsScenario,
  ].map(scenario => [scenario.name, scenario]),
)
