import type { Scenario } from '../scenario.ts'
import { admissionScenario } from './admission.ts'
import { fragmentsScenario } from './fragments.ts'
import { membershipScenario } from './membership.ts'
import { networkScenario } from './network.ts'
import { walScenario } from './wal.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [walScenario, networkScenario, fragmentsScenario, membershipScenario, admissionScenario].map(
    scenario => [scenario.name, scenario],
  ),
)
