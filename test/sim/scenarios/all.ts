import type { Scenario } from '../scenario.ts'
import { walScenario } from './wal.ts'

/** Every scenario the runner knows, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [walScenario].map(scenario => [scenario.name, scenario]),
)
