import type { Scenario } from '../scenario.ts'
import { catalogScenario } from './catalog.ts'
import { fragmentsScenario } from './fragments.ts'
import { networkScenario } from './network.ts'
import { placementScenario } from './placement.ts'
import { walScenario } from './wal.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [walScenario, networkScenario, fragmentsScenario, catalogScenario, placementScenario].map(
    scenario => [scenario.name, scenario],
  ),
)
