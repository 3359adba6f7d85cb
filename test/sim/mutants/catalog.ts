/**
 * Bugs to plant: each a change of one place in the source, made while the module is loaded, so that
 * production code carries no switches. The simulator must find every one of them.
 */
export interface Mutant {
  readonly name: string
  readonly scenario: string
  /** Below `src/`. */
  readonly file: string
  /** Text that stands exactly once in the file, and what takes its place. */
  readonly find: string
  readonly replace: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledge before the sync',
    scenario: 'wal',
    file: 'storage/disk.ts',
    find: `    await this.write(position, bytes)
    await this.datasync()
  }`,
    replace: `    await this.write(position, bytes)
    void this.datasync().catch(() => undefined)
  }`,
  },
  {
    name: 'no sync of the directory',
    scenario: 'wal',
    file: 'storage/disk.ts',
    find: `return this.runFinal('syncDirectory', directory, () => this.#calls.syncDirectory(directory))`,
    replace: `return this.run('syncDirectory', directory, async () => undefined)`,
  },
  {
    name: 'go on after a failed sync',
    scenario: 'wal',
    file: 'storage/disk.ts',
    find: `    return this.#disk.runFinal('datasync', this.path, () => this.#calls.datasync(this.#handle))`,
    replace: `    return this.#disk.run('datasync', this.path, () =>
      this.#calls.datasync(this.#handle).catch(() => this.#calls.datasync(this.#handle)),
    )`,
  },
  {
    name: 'believe that a write is whole',
    scenario: 'wal',
    file: 'storage/disk.ts',
    find: `      if (size <= 0) throw noProgress(this.path)
      done += size`,
    replace: `      if (size <= 0) throw noProgress(this.path)
      done = bytes.length`,
  },
  {
    name: 'no checksum of the body',
    scenario: 'wal',
    file: 'storage/wal-frame.ts',
    find: `  if (bodyCrc(frame, salt, bodyBytes) !== header.bodyCrc) return undefined
`,
    replace: ``,
  },
  {
    name: 'cut the log off at the first bad frame',
    scenario: 'wal',
    file: 'storage/wal-recovery.ts',
    find: `    return this.#findLater(bytes, segment, position)`,
    replace: `    this.#break = { ...this.#break, isTorn: true }
    return undefined`,
  },
  {
    name: 'take any bad frame at the end for a torn one',
    scenario: 'wal',
    file: 'storage/wal-recovery.ts',
    find: `    if (last.isTorn) return 'torn'`,
    replace: `    if (last.isTorn || !last.isTorn) return 'torn'`,
  },
  {
    name: 'do not look for frames behind a bad one',
    scenario: 'wal',
    file: 'storage/wal-recovery.ts',
    find: `      if (ahead > 0 &&`,
    replace: `      if (ahead < 0 &&`,
  },
  {
    name: 'report what may only be in the cache',
    scenario: 'wal',
    file: 'storage/wal-recovery.ts',
    find: `    if (this.#tail !== undefined) await this.#settleTail(this.#tail)
`,
    replace: ``,
  },
  {
    name: 'leave the remains of a torn write in place',
    scenario: 'wal',
    file: 'storage/wal-recovery.ts',
    find: `    if (!isDamagedBehind) await`,
    replace: `    if (sizeBytes === 0) await`,
  },
  {
    name: 'leave a failed write in place',
    scenario: 'wal',
    file: 'storage/wal-segments.ts',
    find: `      if (codeOf(error) !== 'DISK_FAILED') await erase(file, position, length)
`,
    replace: ``,
  },
  {
    name: 'forget the stamps',
    scenario: 'wal',
    file: 'storage/wal-frame.ts',
    find: `    view.setUint32(at, salt, true)
`,
    replace: ``,
  },
  {
    name: 'reuse a segment before its old name is gone',
    scenario: 'wal',
    file: 'storage/wal-segments.ts',
    find: `    if (removed > 0) await this.#options.background.syncDirectory('.')
`,
    replace: ``,
  },
  {
    name: 'keep the salt when a segment is used again',
    scenario: 'wal',
    file: 'storage/wal-segments.ts',
    find: `saltFrom(random.u32())`,
    replace: `saltFrom(random.u32() * 0)`,
  },
  {
    name: 'remove a segment too early',
    scenario: 'wal',
    file: 'storage/wal-space.ts',
    find: `    await segments.removeBelow(this.#oldestNeeded())`,
    replace: `    await segments.removeBelow(this.#oldestNeeded() + 1)`,
  },
  {
    name: 'rewrite a group although it changes meanwhile',
    scenario: 'wal',
    file: 'storage/wal-space.ts',
    find: `    if (!isSame || isWaiting(group)) return
`,
    replace: ``,
  },
  {
    name: 'forget the state when a group is rewritten',
    scenario: 'wal',
    file: 'storage/wal-space.ts',
    find: `    if (index.state !== undefined) {`,
    replace: `    if (index.state === null) {`,
  },
  {
    name: 'use a segment before it is whole',
    scenario: 'wal',
    file: 'storage/wal-segment.ts',
    find: `    await file.preallocate(sizeBytes)
`,
    replace: ``,
  },
  {
    name: 'keep what waits behind a refused append',
    scenario: 'wal',
    file: 'storage/wal-queue.ts',
    find: `      const behind = this.#batches.splice(0)
      this.#waitingBytes = 0
`,
    replace: `      const behind: Batch[] = []
`,
  },
  {
    name: 'acknowledge a fragment before its record is durable',
    scenario: 'fragments',
    file: 'storage/fragment-commits.ts',
    find: `{ sync: batch.some(({ sync }) => sync) }`,
    replace: `{ sync: batch.length === 0 }`,
  },
  {
    name: 'no sync of a fragment file',
    scenario: 'fragments',
    file: 'storage/fragment-writer.ts',
    find: `      await file.datasync()
`,
    replace: ``,
  },
  {
    name: 'no sync of the names of new fragments',
    scenario: 'fragments',
    file: 'storage/fragment-writer.ts',
    find: `      await this.#files.syncIncoming()
`,
    replace: ``,
  },
  {
    name: 'do not compare the root of what was put',
    scenario: 'fragments',
    file: 'storage/fragment-intake.ts',
    find: `  if (!equals(names.root(id, leaves), digestIn(id))) {`,
    replace: `  if (equals(names.root(id, leaves), id)) {`,
  },
  {
    name: 'return cells unverified',
    scenario: 'fragments',
    file: 'storage/fragment-reader.ts',
    find: `    if (!isGood) throw`,
    replace: `    if (!isGood && cell.length === 0) throw`,
  },
  {
    name: 'no checksum of the head of a file',
    scenario: 'fragments',
    file: 'storage/fragment-file.ts',
    find: `CHECK_BYTES)) !== check) return undefined`,
    replace: `CHECK_BYTES)) < check - check) return undefined`,
  },
  {
    name: 'no checksum of records',
    scenario: 'fragments',
    file: 'storage/fragment-record.ts',
    find: `  if (crc32(body, crc32(key)) !== check) return undefined`,
    replace: `  if (crc32(body, crc32(key)) < check - check) return undefined`,
  },
  {
    name: 'leave half-written files where they are',
    scenario: 'fragments',
    file: 'storage/fragment-files.ts',
    find: `      else await this.#disk.remove(\`\${INCOMING}/\${name}\`)`,
    replace: `      else found.removed += 0`,
  },
  {
    name: 'take any file that came in for the one the record means',
    scenario: 'fragments',
    file: 'storage/fragment-files.ts',
    find: `(await recordOf(id))?.number === Number(number)`,
    replace: `(await recordOf(id)) !== undefined && number !== ''`,
  },
  {
    name: 'remove a file before its record says so',
    scenario: 'fragments',
    file: 'storage/fragment-collector.ts',
    find: `        await apply({ record: { ...record, references } })
        await`,
    replace: `        await`,
  },
  {
    name: 'do not make the removal of a file durable',
    scenario: 'fragments',
    file: 'storage/fragment-files.ts',
    find: `    await this.#syncs.sync(directoryOf(id))
`,
    replace: ``,
  },
  {
    name: 'remove what the catalog lists',
    scenario: 'fragments',
    file: 'storage/fragment-collector.ts',
    find: `      return (await ask(this.#options.names.encode(id), reference)) ? 'keep' : 'drop'`,
    replace: `      return (await ask(this.#options.names.encode(id), reference)) ? 'drop' : 'drop'`,
  },
  {
    name: 'remove a fragment with its first reference',
    scenario: 'fragments',
    file: 'storage/fragment-collector.ts',
    find: `      if (references.length > 0) {`,
    replace: `      if (references.length > 0 && verdicts.size === 0) {`,
  },
  {
    name: 'end a reference that was renewed meanwhile',
    scenario: 'fragments',
    file: 'storage/fragment-collector.ts',
    find: ` && judged.untilMs === reference.untilMs`,
    replace: ``,
  },
  {
    name: 'forget the other references of equal fragments',
    scenario: 'fragments',
    file: 'storage/fragment-writer.ts',
    find: `    return [...others, {`,
    replace: `    return [...others.slice(0, 0), {`,
  },
  {
    name: 'take what was put anew for rotten',
    scenario: 'fragments',
    file: 'storage/fragment-health.ts',
    find: `      if (!isLost && now.number !== read.number) return 'replaced'
`,
    replace: ``,
  },
  {
    name: 'scrub all cells but the last',
    scenario: 'fragments',
    file: 'storage/fragment-health.ts',
    find: `cell < reader.cells; cell += RUN_CELLS`,
    replace: `cell < reader.cells - 1; cell += RUN_CELLS`,
  },
  {
    name: 'no census',
    scenario: 'fragments',
    file: 'storage/fragment-scrubber.ts',
    find: `cursor.length === 0 ? await this.#census() : 0`,
    replace: `cursor.length < 0 ? await this.#census() : 0`,
  },
]
