import type { Mutant } from './mutant.ts'

/** Bugs of the fragment store. */
const changes: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'acknowledge a fragment before its record is durable',
    file: 'storage/fragment-commits.ts',
    find: `{ sync: batch.some(({ sync }) => sync) }`,
    replace: `{ sync: batch.length === 0 }`,
  },
  {
    name: 'no sync of a fragment file',
    file: 'storage/fragment-writer.ts',
    find: `      await file.datasync()
`,
    replace: ``,
  },
  {
    name: 'no sync of the names of new fragments',
    file: 'storage/fragment-writer.ts',
    find: `      await this.#files.syncIncoming()
`,
    replace: ``,
  },
  {
    name: 'do not compare the root of what was put',
    file: 'storage/fragment-intake.ts',
    find: `  if (!equals(names.root(id, leaves), digestIn(id))) {`,
    replace: `  if (equals(names.root(id, leaves), id)) {`,
  },
  {
    name: 'return cells unverified',
    file: 'storage/fragment-reader.ts',
    find: `    return equals(leaf, this.leaves.subarray(at, at + DIGEST_BYTES))`,
    replace: `    return equals(leaf, this.leaves.subarray(at, at + DIGEST_BYTES)) || leaf.length > 0`,
  },
  {
    name: 'no checksum of the head of a file',
    file: 'storage/fragment-file.ts',
    find: `CHECK_BYTES)) !== check) return undefined`,
    replace: `CHECK_BYTES)) < check - check) return undefined`,
  },
  {
    name: 'no checksum of records',
    file: 'storage/fragment-record.ts',
    find: `  if (crc32(body, crc32(key)) !== check) return undefined`,
    replace: `  if (crc32(body, crc32(key)) < check - check) return undefined`,
  },
  {
    name: 'leave half-written files where they are',
    file: 'storage/fragment-files.ts',
    find: `      else await this.#disk.remove(\`\${INCOMING}/\${name}\`)`,
    replace: `      else found.removed += 0`,
  },
  {
    name: 'take any file that came in for the one the record means',
    file: 'storage/fragment-files.ts',
    find: `record?.number === Number(number)`,
    replace: `record !== undefined && number !== ''`,
  },
  {
    name: 'remove a file before its record says so',
    file: 'storage/fragment-collector.ts',
    find: `        await apply({ record: { ...record, references } })
        await`,
    replace: `        await`,
  },
  {
    name: 'do not make the removal of a file durable',
    file: 'storage/fragment-files.ts',
    find: `    await this.#syncs.sync(directoryOf(id))
`,
    replace: ``,
  },
  {
    name: 'remove what the catalog lists',
    file: 'storage/fragment-collector.ts',
    find: `      return (await ask(this.#options.names.encode(id), reference)) ? 'keep' : 'drop'`,
    replace: `      return (await ask(this.#options.names.encode(id), reference)) ? 'drop' : 'drop'`,
  },
  {
    name: 'remove a fragment with its first reference',
    file: 'storage/fragment-collector.ts',
    find: `      if (references.length > 0) {`,
    replace: `      if (references.length > 0 && verdicts.size === 0) {`,
  },
  {
    name: 'end a reference that was renewed meanwhile',
    file: 'storage/fragment-collector.ts',
    find: ` && judged.untilMs === reference.untilMs`,
    replace: ``,
  },
  {
    name: 'forget the other references of equal fragments',
    file: 'storage/fragment-writer.ts',
    find: `    return [...others, {`,
    replace: `    return [...others.slice(0, 0), {`,
  },
  {
    name: 'take what was put anew for rotten',
    file: 'storage/fragment-health.ts',
    find: `      if (!isLost && now.number !== read.number) return 'replaced'
`,
    replace: ``,
  },
  {
    name: 'scrub all cells but a lone last one',
    file: 'storage/fragment-reader.ts',
    find: `cell < this.cells; cell += RUN_CELLS`,
    replace: `cell < this.cells - 1; cell += RUN_CELLS`,
  },
  {
    name: 'scrub all cells but the last few',
    file: 'storage/fragment-reader.ts',
    find: `cell < this.cells; cell += RUN_CELLS`,
    replace: `cell + RUN_CELLS < this.cells; cell += RUN_CELLS`,
  },
  {
    name: 'no census',
    file: 'storage/fragment-scrubber.ts',
    find: `cursor.length === 0 ? await this.#census() : 0`,
    replace: `cursor.length < 0 ? await this.#census() : 0`,
  },
  {
    name: 'take a record that cannot be read for one that nobody needs',
    file: 'storage/fragment-collector.ts',
    find: `        await apply({ obsoleteHint: untilMs })`,
    replace: `        await apply({ record: record ?? 'removed', obsoleteHint: untilMs, sync: false })`,
  },
  {
    name: 'take what is left of a fragment for sound',
    file: 'storage/fragment-health.ts',
    find: `    return { ...UNREADABLE, sizeBytes, references: [{ ...nobody, sealed }] }`,
    replace: `    return { ...UNREADABLE, isRotten: false, sizeBytes, references: [{ ...nobody, sealed }] }`,
  },
  {
    name: 'take a failed call for rot',
    file: 'storage/fragment-health.ts',
    find: `['FRAGMENT_CORRUPT', 'DISK_IO', 'CORRUPT']`,
    replace: `['FRAGMENT_CORRUPT', 'DISK_IO', 'CORRUPT', 'BUSY']`,
  },
  {
    name: 'take a short page for the last',
    file: 'storage/fragment-scrubber.ts',
    find: `      cursor = page.at(-1)?.id ?? START`,
    replace: `      cursor = page.length < PAGE ? START : (page.at(-1)?.id ?? START)`,
  },
  {
    name: 'count what may be lost',
    file: 'storage/fragment-index.ts',
    find: `    const isSynced = sync || delta.fragments !== 0 || delta.bytes !== 0`,
    replace: `    const isSynced = sync`,
  },
  {
    name: 'forget what is left of a lost record',
    file: 'storage/fragment-health.ts',
    find: `    return this.#rebuilt(id)`,
    replace: `    return (await this.#rebuilt(id)) && { ...UNREADABLE, number: 1 }`,
  },
  {
    name: 'forget that others need a fragment whose record is lost',
    file: 'storage/fragment-writer.ts',
    find: `before === UNREADABLE ? await this.#health.rebuild(id, LOST_RECORD) : before`,
    replace: `before === UNREADABLE ? undefined : before`,
  },
]

export const fragmentMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'fragments',
}))
