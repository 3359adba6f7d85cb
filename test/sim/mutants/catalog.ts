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
]
