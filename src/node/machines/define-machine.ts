import { checkDefinition } from '../../consensus/application/check-definition.ts'
import type { MachineDefinition } from '../../consensus/application/definition.ts'

export type {
  MachineContext,
  MachineDefinition,
  MachineFile,
  MachineLimits,
  MachineListOptions,
  MachineMoment,
  MachineRow,
  MachineRows,
  MachineState,
  MachineTimer,
} from '../../consensus/application/definition.ts'

/**
 * A machine for `createNode({ machines: { name: machine } })`, with its types.
 * @throws {RangeError} for a version or limit that makes no sense
 *
 * @example
 * ```ts
 * export const counter = defineMachine({
 *   version: 1,
 *   apply(state, { by }: { by: number }) {
 *     const total = (state.get<number>('total') ?? 0) + by
 *     state.set('total', total)
 *     return total
 *   },
 * })
 * ```
 */
export function defineMachine<Command, Answer, Question, Reply, Event>(
  definition: MachineDefinition<Command, Answer, Question, Reply, Event>,
): MachineDefinition<Command, Answer, Question, Reply, Event> {
  checkDefinition(definition)
  return Object.freeze({ ...definition })
}

/** Machines by name, whatever their commands are. */
export type Machines = Readonly<Record<string, MachineDefinition>>
