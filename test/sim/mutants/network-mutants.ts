import { catalogGroupMutants } from './catalog-group-mutants.ts'
import type { Mutant } from './mutant.ts'

/** Bugs that only show where whole peers work together. */
const changes: readonly Omit<Mutant, 'scenario' | 'tests'>[] = [
  {
    name: 'write over what a condition protects',
    file: 'node/store/descriptions.ts',
    find: `  ifMatch: ifMatch === undefined ? [] : [ifMatch],`,
    replace: `  ifMatch: [],`,
  },
  {
    name: 'begin a range of bytes where it was asked for, not where its unit begins',
    file: 'node/coder/decode-stream.ts',
    find: `  let at = from - (from % (UNIT_BYTES - tagBytes))`,
    replace: `  let at = from`,
  },
  {
    name: 'keep to the map that led astray',
    file: 'node/catalog/catalog-client.ts',
    find: `    await this.#fetch(end)
    return isKnown()`,
    replace: `    await this.#pause(end)
    return isKnown()`,
  },
  {
    name: 'take up no child of a split',
    file: 'node/catalog/catalog-host.ts',
    find: `    for (const { group, parent } of states.unborn) {`,
    replace: `    for (const { group, parent } of states.unborn.slice(1)) {`,
  },
]

/** Known bugs of a part that must be seen from outside as well. */
const known = ['answer from the replica here as it is']

export const networkMutants: readonly Mutant[] = [
  ...changes.map(change => ({ ...change, scenario: 'network' })),
  ...known.map(name => {
    const { file, find, replace } = catalogGroupMutants.find(
      mutant => mutant.name === name,
    ) as Mutant
    return { name: `${name}, seen from outside`, scenario: 'network', file, find, replace }
  }),
]
