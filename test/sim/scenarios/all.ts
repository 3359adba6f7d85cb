import type { Scenario } from '../scenario.ts'
import { fragmentsScenario } from './fragments.ts'
import { walScenario } from './wal.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [walScenario, fragmentsScenario].map(scenario => [scenario.name, scenario]),
)
