import type { Mutant } from './mutant.ts'

/** Bugs of machines of applications. */
const changes: readonly Omit<Mutant, 'scenario' | 'tests'>[] = [
  {
    name: 'forget what a key was answered',
    file: 'consensus/application/application-machine.ts',
    find: `if (key !== undefined) keys.keep(`,
    replace: `if (key !== undefined && index < 0) keys.keep(`,
  },
  {
    name: 'leave answers out of snapshots',
    file: 'consensus/application/application-machine.ts',
    find: `      keys: keys.all(),`,
    replace: `      keys: keys.all().slice(1),`,
  },
  {
    name: 'keep what a refused command has changed',
    file: 'consensus/application/application-machine.ts',
    find: `      rows.undo()
      if (error instanceof Refusal)`,
    replace: `      if (!(error instanceof Refusal)) rows.undo()
      if (error instanceof Refusal)`,
  },
  {
    name: 'let a command take files that are to be deleted',
    file: 'consensus/application/stage-book.ts',
    find: `return this.#stages.get(id)?.isOver === false`,
    replace: `return this.#stages.get(id)?.isOver !== undefined`,
  },
  {
    name: 'let time go back',
    file: 'consensus/application/application-machine.ts',
    find: `const isLater = ms > this.#stamp.ms`,
    replace: `const isLater = ms !== this.#stamp.ms`,
  },
  {
    name: 'read from whatever state is here',
    file: 'node/machines/machine-client.ts',
    find: `if (reach.isHere(group)) return node.query(group, question, limits)`,
    replace: `if (reach.isHere(group)) return node.queryStale(group, question)`,
  },
  {
    name: 'make a command with a key a new one each time',
    file: 'node/machines/machine-client.ts',
    find: `    const payload = encodeMachineCommand(command)
    const isOnce`,
    replace: `    const key = String(this.#options.random.u32())
    const payload = encodeMachineCommand('key' in command ? { ...command, key } : command)
    const isOnce`,
  },
  {
    name: 'go on with another state than the majority',
    file: 'node/machines/machine-census.ts',
    find: `const isOutvoted = contradicting.length >= majority`,
    replace: `const isOutvoted = contradicting.length > others.length`,
  },
  {
    name: 'apply what the program does not know',
    file: 'consensus/application/application-machine.ts',
    find: `if (version <= known && version >= oldest) return`,
    replace: `if (version >= oldest || known >= oldest) return`,
  },
]

export const machineMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'payments',
  tests: [
    'consensus/application/application-machine.test.ts',
    'node/machines/parts.test.ts',
    'node/machines/machines.test.ts',
  ],
}))
