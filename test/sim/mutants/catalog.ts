/**
 * Bugs to plant, made while the module is loaded, so that production code carries no switches. The
 * simulator must find every one of them.
 */
import { fragmentMutants } from './fragment-mutants.ts'
import type { Mutant } from './mutant.ts'
import { walMutants } from './wal-mutants.ts'

export const mutants: readonly Mutant[] = [...walMutants, ...fragmentMutants]
