import type { Mutant } from './mutant.ts'

type Change = Omit<Mutant, 'scenario'>

/** Bugs of the catalog on its groups. */
const changes: readonly Change[] = [
  {
    name: 'believe what a state is before it was written',
    file: 'node/catalog/catalog-states.ts',
    find: `    for (const each of claimed) this.#standings.set(each.group, each.standing)
`,
    replace: `    for (const each of claimed) this.#standings.set(each.group, each.standing)
    this.#standings.set(group, standing)
`,
  },
  {
    name: 'leave it to the system when rows become durable',
    file: 'node/catalog/batch-writer.ts',
    find: `{ sync: true }`,
    replace: `{ sync: false }`,
  },
  {
    name: 'take a short page for all there is',
    file: 'node/catalog/catalog-states.ts',
    find: `    rows.push(...page)
    after = last.key`,
    replace: `    return page
    after = last.key`,
  },
  {
    name: 'write the rows without the sessions',
    file: 'node/catalog/catalog-state.ts',
    find: `[...turn.changes, ...this.#sessions.takeChanges()]`,
    replace: `[...turn.changes]`,
  },
  {
    name: 'split off a child that forgets the sessions',
    file: 'node/catalog/catalog-state.ts',
    find: `      sessions: this.#sessions.copyFor(command.child),`,
    replace: `      sessions: [],`,
  },
  {
    name: 'send a state without its sessions',
    file: 'node/catalog/state-file.ts',
    find: `    yield { kind: SESSION, bytes: writer.finish() }`,
    replace: `    writer.finish()`,
  },
  {
    name: 'let go of the log behind a split that nobody has yet',
    file: 'node/catalog/catalog-state.ts',
    find: `    return Math.min(index, ...open)`,
    replace: `    return open.length > index ? 0 : index`,
  },
  {
    name: 'erase a whole space for one of its groups',
    file: 'node/catalog/catalog-states.ts',
    find: `.some(standing => standing.space === space)`,
    replace: `.some(standing => standing.space === -space)`,
  },
  {
    name: 'take the child of a split in the place of what is here',
    file: 'node/catalog/catalog-states.ts',
    find: `    const useless = born.filter(each => this.#standings.has(each.group))`,
    replace: `    const useless = born.filter(each => this.#standings.has(-each.group))`,
  },
  {
    name: 'answer from the replica here as it is',
    file: 'node/catalog/catalog-client.ts',
    find: `      if (!isStale) await node.current(group, options)
`,
    replace: ``,
  },
  {
    name: 'take a command under any epoch of its range',
    file: 'catalog/apply.ts',
    find: `  if (epoch !== range.epoch) throw new Refused`,
    replace: `  if (epoch > range.epoch) throw new Refused`,
  },
  {
    name: 'let the time of commands go back',
    file: 'node/catalog/catalog-state.ts',
    find: `    const stamp = after(this.#standing.stamp, wanted)`,
    replace: `    const stamp = after(undefined, wanted)`,
  },
]

export const catalogGroupMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'catalog-group',
  tests: ['node/catalog/catalog-states.test.ts'],
}))
