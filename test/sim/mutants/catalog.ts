import { admissionMutants } from './admission-mutants.ts'
import { catalogGroupMutants } from './catalog-group-mutants.ts'
import { catalogMutants } from './catalog-mutants.ts'
/**
 * Bugs to plant, made while the module is loaded, so that production code carries no switches. The
 * simulator must find every one of them.
 */
import { clockMutants } from './clock-mutants.ts'
import { fragmentMutants } from './fragment-mutants.ts'
import { groupMutants } from './group-mutants.ts'
import { machineMutants } from './machine-mutants.ts'
import { membershipMutants } from './membership-mutants.ts'
import type { Mutant } from './mutant.ts'
import { networkMutants } from './network-mutants.ts'
import { raftMutants } from './raft-mutants.ts'
import { upkeepMutants } from './upkeep-mutants.ts'
import { walMutants } from './wal-mutants.ts'

/** The world's own scenario sees through a disk that lies as well. */
const wiresMutants: readonly Mutant[] = walMutants
  .filter(({ name }) => name === 'acknowledge before the sync')
  .map(mutant => ({ ...mutant, name: `${mutant.name}, between peers`, scenario: 'wires' }))

export const mutants: readonly Mutant[] = [
  ...walMutants,
  ...wiresMutants,
  ...fragmentMutants,
  ...clockMutants,
  ...membershipMutants,
  ...raftMutants,
  ...groupMutants,
  ...admissionMutants,
  ...catalogMutants,
  ...catalogGroupMutants,
  ...upkeepMutants,
  ...machineMutants,
  ...networkMutants,
]
