import type { Mutant } from './mutant.ts'

/** Bugs of the disk's rules and of the write-ahead log. */
const changes: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'acknowledge before the sync',
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
    file: 'storage/disk.ts',
    find: `    await this.runFinal('syncDirectory', directory, () => this.#calls.syncDirectory(directory))`,
    replace: `    await this.run('syncDirectory', directory, async () => undefined)`,
  },
  {
    name: 'try again after a failed sync',
    file: 'storage/disk.ts',
    find: `    await this.#disk.runFinal('datasync', this.path, () => this.#calls.datasync(this.#handle))`,
    replace: `    await this.#disk.run('datasync', this.path, () =>
      this.#calls.datasync(this.#handle).catch(() => this.#calls.datasync(this.#handle)),
    )`,
  },
  {
    name: 'believe that a write is whole',
    file: 'storage/disk.ts',
    find: `      if (size <= 0) throw noProgress(this.path)
      done += size`,
    replace: `      if (size <= 0) throw noProgress(this.path)
      done = bytes.length`,
  },
  {
    name: 'no checksum of the body',
    file: 'storage/wal-frame.ts',
    find: `  if (bodyCrc(frame, salt, bodyBytes) !== header.bodyCrc) return undefined
`,
    replace: ``,
  },
  {
    name: 'forget the stamps',
    file: 'storage/wal-frame.ts',
    find: `    view.setUint32(at, salt, true)
`,
    replace: ``,
  },
  {
    name: 'cut the log off at the first bad frame',
    file: 'storage/wal-scan.ts',
    find: `      yield { kind: 'frame', frame }
`,
    replace: `      if (frame.body === undefined) return
      yield { kind: 'frame', frame }
`,
  },
  {
    name: 'take any bad frame at the end for a torn one',
    file: 'storage/wal-scan.ts',
    find: `  const state = isTorn && !isFollowed ? 'torn' : 'rotten'`,
    replace: `  const state = isTorn || !isFollowed ? 'torn' : 'rotten'`,
  },
  {
    name: 'let a blank segment hide what was lost before it',
    file: 'storage/wal-recovery.ts',
    find: `      else if (finding.gap.state !== 'blank') this.#breaks.push(finding.gap)`,
    replace: `      else this.#breaks = finding.gap.state === 'blank' ? [] : [...this.#breaks, finding.gap]`,
  },
  {
    name: 'blame one frame where several are lost',
    file: 'storage/wal-recovery.ts',
    find: `  if (count === 1) return`,
    replace: `  if (count >= 1) return`,
  },
  {
    name: 'use the number of a lost frame again',
    file: 'storage/wal-recovery.ts',
    find: `(isOne ? 1 : SEQUENCE_LEAP * this.#breaks.length)`,
    replace: `(isOne ? 0 : 0)`,
  },
  {
    name: 'write over what was lost behind the last frame',
    file: 'storage/wal-recovery.ts',
    find: `    const isIntact = this.#damages.length === this.#damagesBeforeTail`,
    replace: `    const isIntact = verdict.length > 0`,
  },
  {
    name: 'pass over a segment that cannot be read',
    file: 'storage/wal-recovery.ts',
    find: `      this.#breaks.push({ ...whole, state: 'rotten', isFollowed: true })
`,
    replace: `      void whole
`,
  },
  {
    name: 'report what may only be in the cache',
    file: 'storage/wal-recovery.ts',
    find: `    if (this.#tail !== undefined) await this.#settleTail(this.#tail, isIntact)
`,
    replace: ``,
  },
  {
    name: 'leave the remains of a torn write in place',
    file: 'storage/wal-recovery.ts',
    find: `      if (clearsBehind && room > 0) await`,
    replace: `      if (clearsBehind && room < 0) await`,
  },
  {
    name: 'leave a failed write in place',
    file: 'storage/wal-segments.ts',
    find: `      if (isBegun) await erase(file, position, sizeBytes)
`,
    replace: ``,
  },
  {
    name: 'reuse a segment before its old name is gone',
    file: 'storage/wal-segments.ts',
    find: `    if (removed === 0) return
    await this.#options.background.syncDirectory('.')
`,
    replace: ``,
  },
  {
    name: 'keep the salt when a segment is used again',
    file: 'storage/wal-segments.ts',
    find: `salt: drawSalt(random, spare?.salt ?? 0)`,
    replace: `salt: spare?.salt ?? drawSalt(random, 0)`,
  },
  {
    name: 'forget a segment before its file is gone',
    file: 'storage/wal-segments.ts',
    find: `      await this.#discard(oldest)
      this.#headers.shift()
`,
    replace: `      this.#headers.shift()
      await this.#discard(oldest)
`,
  },
  {
    name: 'never remove a segment',
    file: 'storage/wal-segments.ts',
    find: `      if (oldest.number >= Math.min(number, inUse)) break`,
    replace: `      if (oldest.number >= 0) break`,
  },
  {
    name: 'remove a segment too early',
    file: 'storage/wal-space.ts',
    find: `    await segments.removeBelow(this.#oldestNeeded())`,
    replace: `    await segments.removeBelow(this.#oldestNeeded() + 1)`,
  },
  {
    name: 'remove the evidence of damage',
    file: 'storage/wal-space.ts',
    find: `    this.#evidence = Math.min(...options.damages.map(({ since }) => since))`,
    replace: `    this.#evidence = Number.POSITIVE_INFINITY`,
  },
  {
    name: 'rewrite a group although it changes meanwhile',
    file: 'storage/wal-space.ts',
    find: `    if (!isSame || isWaiting(group)) return
`,
    replace: ``,
  },
  {
    name: 'forget the state when a group is rewritten',
    file: 'storage/wal-space.ts',
    find: `    if (index.state !== undefined) {`,
    replace: `    if (index.state === null) {`,
  },
  {
    name: 'use a segment before it is whole',
    file: 'storage/wal-segment.ts',
    find: `    await file.preallocate(sizeBytes)
`,
    replace: ``,
  },
  {
    name: 'leave files open',
    file: 'storage/disk.ts',
    find: `    return await use(file)
  } finally {
    await file.close()
  }`,
    replace: `    return await use(file)
  } finally {
    await file.sizeBytes().catch(() => undefined)
  }`,
  },
  {
    name: 'keep what waits behind a refused append',
    file: 'storage/wal-queue.ts',
    find: `      const behind = this.#batches.splice(0)
      this.#waitingBytes = 0
`,
    replace: `      const behind: Batch[] = []
`,
  },
  {
    name: 'forget a base that a trim told',
    file: 'storage/wal-index.ts',
    find: `      const isTold = lastIndex === this.#toldBase?.index`,
    replace: `      const isTold = lastIndex < 0`,
  },
]

export const walMutants: readonly Mutant[] = changes.map(change => ({ ...change, scenario: 'wal' }))
