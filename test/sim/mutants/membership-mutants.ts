import type { Mutant } from './mutant.ts'

/** Bugs of the membership protocol and its driver. */
const changes: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'no refutation',
    file: 'membership/beliefs.ts',
    find: `      this.#own.raise(incarnation)
      this.#context.health.refuted()`,
    replace: `      this.#context.health.refuted()`,
  },
  {
    name: 'come back at the incarnation of the death',
    file: 'membership/beliefs.ts',
    find: `    if (member !== undefined && record.incarnation <= member.record.incarnation) return
`,
    replace: `    if (member !== undefined && record.incarnation < member.record.incarnation) return
    if (member?.state === 'alive' && record.incarnation === member.record.incarnation) return
`,
  },
  {
    name: 'believe unsigned records',
    file: 'membership/record.ts',
    find: `  seal.verify(record.peer, recordPayload(network, record.body), record.signature)`,
    replace: `  seal.verify(record.peer, recordPayload(network, record.body), record.signature) || true`,
  },
  {
    name: 'believe unsigned accusations',
    file: 'membership/accusation.ts',
    find: `  seal.verify(accusation.accuser, accusationPayload(network, accusation), accusation.signature)`,
    replace: `  seal.verify(accusation.accuser, accusationPayload(network, accusation), accusation.signature) ||
  true`,
  },
  {
    name: "believe anybody's verdict at once",
    file: 'membership/beliefs.ts',
    find: `const isFatal = isVerdict && isRipe`,
    replace: `const isFatal = isVerdict`,
  },
  {
    name: 'never try the dead again',
    file: 'membership/syncer.ts',
    find: `    if (dead.length > 0) this.ask(random.pick(dead).peer)
`,
    replace: ``,
  },
  {
    name: 'forget the incarnation at a restart',
    file: 'membership/own-record.ts',
    find: `    this.#become(nextBlock(ceiling) + 1, this.#description, false)`,
    replace: `    this.#become(Math.min(1, nextBlock(ceiling)) + 1, this.#description, false)`,
  },
  {
    name: 'keep the incarnation off the disk',
    file: 'node/membership/incarnation-file.ts',
    find: `  await disk.replace(FILE, writer.finish())`,
    replace: `  if (ceiling === 0) await disk.replace(FILE, writer.finish())`,
  },
  {
    name: 'confirmations change nothing',
    file: 'membership/suspicion.ts',
    find: `    const confirmations = this.#accusers.length - 1`,
    replace: `    const confirmations = 0`,
  },
  {
    name: 'tell rumours for ever',
    file: 'membership/rumors.ts',
    find: `      if (++entry.told < limit) this.#queueOf(entry).add(entry)`,
    replace: `      if (entry.told < limit) this.#queueOf(entry).add(entry)`,
  },
  {
    name: 'fill datagrams without counting',
    file: 'membership/rumors.ts',
    find: `        room -= entry.rumor.sizeBytes + 1
`,
    replace: ``,
  },
  {
    name: 'ask no helpers',
    file: 'membership/prober.ts',
    find: `    probe.helpers = helpers.map(({ peer }) => peer)`,
    replace: `    probe.helpers = helpers.slice(0, 0).map(({ peer }) => peer)`,
  },
  {
    name: 'probe whom the clock says, whatever it says',
    file: 'membership/probe-order.ts',
    find: `    if (next === clock || this.#turnsInStep <= PASSES_PER_JUMP * others) return next
`,
    replace: ``,
  },
  {
    name: 'probe at the same distance for ever',
    file: 'membership/probe-order.ts',
    find: `    return ring[distance(slot, ring.length)]`,
    replace: `    return ring[distance(0, ring.length)]`,
  },
  {
    name: "keep a helper's answer",
    file: 'membership/prober.ts',
    find: `    this.#context.send(relay.asker, { type: 'relayed', seq: relay.askerSeq })
`,
    replace: ``,
  },
  {
    name: 'remember the dead for ever',
    file: 'membership/membership.ts',
    find: `      for (const member of table.members.filter(isForgotten)) this.#beliefs.forget(member)`,
    replace: `      for (const member of table.members.filter(isForgotten)) member.sinceMs = nowMs`,
  },
  {
    name: 'leave without a farewell',
    file: 'membership/own-record.ts',
    find: `    this.#become(this.record.incarnation + 1, this.#description, true)`,
    replace: `    this.#become(this.record.incarnation + 1, this.#description, false)`,
  },
  {
    name: 'invented accusers count',
    file: 'membership/beliefs.ts',
    find: `    return accuser === options.self || table.get(accuser) !== undefined`,
    replace: `    return accuser === options.self || table.size > 0`,
  },
  {
    name: 'ignore what admission says',
    file: 'membership/beliefs.ts',
    find: `    if (options.admits?.(record.peer) === false) return false
`,
    replace: ``,
  },
]

export const membershipMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'membership',
}))
