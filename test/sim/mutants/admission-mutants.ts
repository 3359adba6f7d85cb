import type { Mutant } from './mutant.ts'

const bugs: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'keep the books of invites, not of their uses',
    file: 'node/admission/authority-driver.ts',
    find: `      books === undefined ? undefined : files.writeAuthority({ seed, books }),`,
    replace: `      books === undefined || records.length > 0 ? undefined : files.writeAuthority({ seed, books }),`,
  },
  {
    name: 'welcome before the record is durable',
    file: 'node/admission/authority-driver.ts',
    find: `      book.saved(),`,
    replace: `      void book.saved().catch(() => 0),`,
  },
  {
    name: 'one use too many',
    file: 'node/admission/authority.ts',
    find: `entry.usedBy.length >= entry.uses`,
    replace: `entry.usedBy.length > entry.uses`,
  },
  {
    name: 'forget who used an invite',
    file: 'node/admission/authority.ts',
    find: `    if (!isAgain) this.#invites.set(toHex(inviteId), { ...entry, usedBy: [...entry.usedBy, from] })
`,
    replace: ``,
  },
  {
    name: 'let the banned in again',
    file: 'node/admission/authority.ts',
    find: `    if (this.#options.statusOf(from, nowMs).state === 'banned')
      return [refuse('banned', 'it is banned')]
`,
    replace: ``,
  },
  {
    name: 'the network key for everybody',
    file: 'node/admission/admission.ts',
    find: `networkKey: role === 'full' ? networkKey : undefined,`,
    replace: `networkKey,`,
  },
  {
    name: 'believe the books alone about serials',
    file: 'node/admission/authority.ts',
    find: `Math.max(options.books.lastSerial, options.lastSerialSeen)`,
    replace: `options.books.lastSerial - (options.lastSerialSeen % 2)`,
  },
  {
    name: 'never compare member tables',
    file: 'node/admission/spread.ts',
    find: `    if (equals(digest, book.table.digest) || this.#comparing.has(from)) return
`,
    replace: `    if (!equals(digest, book.table.digest) || this.#comparing.has(from)) return
`,
  },
  {
    name: 'a member before its credentials are durable',
    file: 'node/admission/open-admission.ts',
    find: `  const credentials = { authority, holder: host, self, networkKey: welcome.networkKey }
  await files.writeCredentials(credentials)`,
    replace: `  const credentials = { authority, holder: host, self, networkKey: welcome.networkKey }
  void files.writeCredentials(credentials).catch(() => 0)`,
  },
]

/** Bugs in who gets in, and in who hears of it. */
export const admissionMutants: readonly Mutant[] = bugs.map(bug => ({
  ...bug,
  scenario: 'admission',
}))
