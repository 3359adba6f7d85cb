import type { Mutant } from './mutant.ts'

/** Bugs of those who keep what is stored whole. */
const changes: readonly Omit<Mutant, 'scenario' | 'tests'>[] = [
  {
    name: 'build new fragments from unverified cells',
    file: 'node/coder/stripe-coder.ts',
    find: `    if (wrong !== undefined) return wrong
    const { stripes, fragmentBytes } = layout`,
    replace: `    if (wrong === undefined && job.k === 0) return wrong as never
    const { stripes, fragmentBytes } = layout`,
  },
  {
    name: 'list a fragment before its proof',
    file: 'node/upkeep/fragment-mover.ts',
    find: `        return proofs === undefined ? [] : [{ delivery, proofs }]`,
    replace: `        return [{ delivery, proofs: proofs ?? [] }]`,
  },
  {
    name: 'drop the fragments of a write that is still open',
    file: 'node/upkeep/fragment-claims.ts',
    find: `    if (state === 'open') throw stillOpen()
`,
    replace: ``,
  },
  {
    name: 'drop what has ended without asking the catalog',
    file: 'node/upkeep/own-fragments.ts',
    find: `(_id, reference) => claims.isListed(reference, seat, { isWeak: false, signal }),`,
    replace: `async () => claims === undefined,`,
  },
  {
    name: 'drop what nobody lists yet, and let it be listed',
    file: 'node/upkeep/fragment-claims.ts',
    find: `    if (isWeak) return false`,
    replace: `    if (generation >= 0) return false`,
  },
  {
    name: 'forget garbage that no peer was told of',
    file: 'node/upkeep/group-sweeper.ts',
    find: `          if (outcome === 'told') told.push(fragment.row)`,
    replace: `          if (outcome !== 'later') told.push(fragment.row)`,
  },
  {
    name: 'forget the garbage of peers that are away',
    file: 'node/upkeep/group-sweeper.ts',
    find: `if (state === 'gone') told.push(`,
    replace: `if (state === 'gone' || state === 'dead') told.push(`,
  },
  {
    name: 'take what is owed for held',
    file: 'node/upkeep/repair-driver.ts',
    find: `          source === 'debts'`,
    replace: `          source === 'debts' && group === 0`,
  },
  {
    name: 'take silence for guilt',
    file: 'node/upkeep/auditor.ts',
    find: `      if (!isWrong(error)) return 'unknown'`,
    replace: `      if (code === 'PEER_FAILED') return 'unknown'`,
  },
  {
    name: 'cut a segment anew over fragments that nobody proved',
    file: 'node/upkeep/scheme-keeper.ts',
    find: `      if (work.proven.length < k + m) throw`,
    replace: `      if (work.proven.length < 0) throw`,
  },
  {
    name: 'call a peer drained that holds something',
    file: 'node/upkeep/led-groups.ts',
    find: `isEmpty: items.length === 0`,
    replace: `isEmpty: items.length >= 0`,
  },
  {
    name: 'name the wrong generation to peers',
    file: 'node/upkeep/scheme-keeper.ts',
    find: `    work.generation = record.generation + 1`,
    replace: `    work.generation = record.generation`,
  },
  {
    name: 'write lines of the ledger without making them durable',
    file: 'node/upkeep/repair-ledger.ts',
    find: `await this.#file.writeDurable(this.#endBytes, bytes)`,
    replace: `await this.#file.write(this.#endBytes, bytes)`,
  },
]

export const upkeepMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'upkeep',
  tests: [
    'node/upkeep/upkeep-service.test.ts',
    'node/upkeep/fragment-builder.test.ts',
    'node/upkeep/repair-ledger.test.ts',
  ],
}))
