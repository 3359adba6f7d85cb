import type { Mutant } from './mutant.ts'

type Change = Omit<Mutant, 'scenario'>

/** Bugs of the replicated map and of the sessions around it. */
const kvChanges: readonly Change[] = [
  {
    name: 'do a command again that is sent again',
    file: 'consensus/sessions.ts',
    find: `    if (answer !== undefined) return { type: 'repeat', answer }
`,
    replace: `    if (answer !== undefined) session.answers.delete(sequence)
`,
  },
  {
    name: 'do a command again whose answer was acknowledged',
    file: 'consensus/sessions.ts',
    find: `    if (sequence < session.ackedBelow) return { type: 'acked' }
`,
    replace: ``,
  },
  {
    name: 'acknowledge the command itself with its arrival',
    file: 'consensus/sessions.ts',
    find: `    this.#use(session, Math.min(ackedBelow, sequence))`,
    replace: `    this.#use(session, sequence + 1)`,
  },
  {
    name: 'open a session that has ended',
    file: 'consensus/sessions.ts',
    find: `    if (session === undefined) return { type: 'expired' }
    this.#use(session, Math.min`,
    replace: `    if (session === undefined) return (this.register(id), { type: 'execute' })
    this.#use(session, Math.min`,
  },
  {
    name: 'forget the time in a snapshot of sessions',
    file: 'consensus/session-snapshot.ts',
    find: `    writer.f64(nowMs)`,
    replace: `    writer.f64(1e12)`,
  },
  {
    name: 'restore sessions in another order',
    file: 'consensus/session-machine.ts',
    find: `    this.#sessions.load(nowMs, sessions)`,
    replace: `    this.#sessions.load(nowMs, sessions.toReversed())`,
  },
  {
    name: 'restore sessions without their answers',
    file: 'consensus/session-snapshot.ts',
    find: `    answers.set(sequence, item.bytes(SESSION_ANSWER_BYTES_MAX).slice())`,
    replace: `    item.bytes(SESSION_ANSWER_BYTES_MAX)`,
  },
  {
    name: 'let the time in the log go back',
    file: 'consensus/sessions.ts',
    find: `    this.#nowMs = Math.max(this.#nowMs, timeMs)`,
    replace: `    this.#nowMs = timeMs`,
  },
  {
    name: 'cas without a look at the revision',
    file: 'consensus/kv-machine.ts',
    find: `      return entry?.revision === condition.revision`,
    replace: `      return entry !== undefined`,
  },
  {
    name: 'delete without telling who watches',
    file: 'consensus/kv-machine.ts',
    find: `    this.#changes.push({ key, value: after?.value, revision })`,
    replace: `    if (after !== undefined) this.#changes.push({ key, value: after.value, revision })`,
  },
  {
    name: 'skip the rest of a full page of changes',
    file: 'consensus/kv-machine.ts',
    find: `        return { type: 'changes', changes: room.items, through }`,
    replace: `        return { type: 'changes', changes: room.items, through: change.revision }`,
  },
  {
    name: 'restore the map without its changes',
    file: 'consensus/kv-machine.ts',
    find: `KvChanges.restored(changes, oldest)`,
    replace: `KvChanges.restored([], oldest)`,
  },
  {
    name: 'keep the revision of the first write',
    file: 'consensus/kv-machine.ts',
    find: `value: value.slice(), revision }`,
    replace: `value: value.slice(), revision: before?.revision ?? revision }`,
  },
]

/** Bugs of the choice of voters. */
const electionChanges: readonly Change[] = [
  {
    name: 'seat a learner that lacks the log',
    file: 'consensus/election-seats.ts',
    find: `    if (late !== undefined) return this.hold(this.view.catchingUp(late.replica))
`,
    replace: `    void late
`,
  },
  {
    name: 'decide again before the change has shown',
    file: 'consensus/election.ts',
    find: `    if (isChanging || isJoint(configuration)) return true`,
    replace: `    if (isChanging && !isJoint(configuration)) return true`,
  },
  {
    name: 'no care for zones',
    file: 'consensus/election-zones.ts',
    find: `  zones >= 3 && voters >= 3 ? Math.floor((voters - 1) / 2) : voters`,
    replace: `  zones >= 99 ? Math.floor((voters - 1) / 2) : voters`,
  },
  {
    name: 'count the seats without a store for nothing in the cap',
    file: 'consensus/election-seats.ts',
    find: `    const cap = zoneCap(stay.length + seats, this.view.zones)`,
    replace: `    const cap = zoneCap(this.view.peersOf(stay).length + seats - 1, this.view.zones)`,
  },
  {
    name: 'replace the dead without a look at the majority',
    file: 'consensus/election-seats.ts',
    find: `      if (healthy >= needed) continue
`,
    replace: `      if (healthy >= 0 * needed) continue
`,
  },
  {
    name: 'let the leader remove itself',
    file: 'consensus/election-view.ts',
    find: `    return this.others.toSorted((a, b) =>`,
    replace: `    return this.voters.toSorted((a, b) =>`,
  },
  {
    name: 'never replace whoever lost its store',
    file: 'consensus/election-view.ts',
    find: `    for (const replica of peer.former) this.#wiped.set(replica, peer)`,
    replace: ``,
  },
  {
    name: 'wait for ten minutes of age even when short of voters',
    file: 'consensus/election-view.ts',
    find: `(peer.upMs >= YOUNG_MS || this.isShort)`,
    replace: `peer.upMs >= YOUNG_MS`,
  },
  {
    name: 'replace a dead voter after ten minutes',
    file: 'consensus/election.ts',
    find: `const DEAD_MS = 60_000`,
    replace: `const DEAD_MS = 600_000`,
  },
  {
    name: 'remember nothing of a swap but its age',
    file: 'consensus/election-swap.ts',
    find: `    this.#pair = undefined
  }
}`,
    replace: `  }
}`,
  },
]

export const groupMutants: readonly Mutant[] = [
  ...kvChanges.map(change => ({ ...change, scenario: 'kv' })),
  ...electionChanges.map(change => ({
    ...change,
    scenario: 'election',
    tests: ['consensus/election.test.ts'],
  })),
]
