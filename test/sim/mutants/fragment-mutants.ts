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
    find: `    if (!isGood) throw`,
    replace: `    if (!isGood && cell.length === 0) throw`,
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
    find: `(await recordOf(id))?.number === Number(number)`,
    replace: `(await recordOf(id)) !== undefined && number !== ''`,
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
    file: 'storage/fragment-health.ts',
    find: `cell < reader.cells; cell += RUN_CELLS`,
    replace: `cell < reader.cells - 1; cell += RUN_CELLS`,
  },
  {
    name: 'scrub all cells but the last few',
    file: 'storage/fragment-health.ts',
    find: `cell < reader.cells; cell += RUN_CELLS`,
    replace: `cell + RUN_CELLS < reader.cells; cell += RUN_CELLS`,
  },
  {
    name: 'no census',
    file: 'storage/fragment-scrubber.ts',
    find: `cursor.length === 0 ? await this.#census() : 0`,
    replace: `cursor.length < 0 ? await this.#census() : 0`,
  },
]

export const fragmentMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'fragments',
}))
