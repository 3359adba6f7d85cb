import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Disk } from '../../src/base/environment.ts'
import { codeOf } from '../../src/base/errors.ts'
import { runProgram } from '../../src/cli/program.ts'
import { encodeConfiguration } from '../../src/consensus/configuration.ts'
import { readEpoch } from '../../src/node/consensus/epoch.ts'
import { encodeEntry, encodeState } from '../../src/node/consensus/group-records.ts'
import { CONSENSUS_DIRECTORY } from '../../src/node/consensus/system-group.ts'
import { parsePlan, parseReport } from '../../src/node/recovery-files.ts'
import {
  applyPlan,
  inspectStore,
  planFromReports,
  recoveryPhrase,
} from '../../src/node/recovery.ts'
import { systemRandom, systemTimers } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { Wal } from '../../src/storage/wal.ts'
import { withDirectory } from '../support/temporary.ts'

const voters = ['a/1', 'b/1', 'c/1', 'd/1', 'e/1']

const diskOf = (directory: string): Disk => openDisk(join(directory, CONSENSUS_DIRECTORY))

/** A stopped peer: a replica of group 0 with so many entries in its log. */
async function store(
  directory: string,
  replica: string,
  entries: number,
  network = 7,
): Promise<void> {
  mkdirSync(join(directory, CONSENSUS_DIRECTORY))
  const wal = await Wal.open({
    disk: diskOf(directory),
    networkId: new Uint8Array(32).fill(network),
    timers: systemTimers,
    random: systemRandom(),
    segmentBytes: 1 << 20,
    frameBytesMax: 1 << 17,
  })
  const data = encodeConfiguration({ voters, outgoing: [], learners: [] })
  const hard = { term: 4, vote: undefined, commit: 1 }
  const group = 0
  await wal.append([
    { type: 'base', group, index: 0, term: 0 },
    { type: 'state', group, payload: encodeState({ replica, hard }) },
    ...Array.from({ length: entries }, (_, at) => {
      const entry = { index: at + 1, term: 4, kind: 'command', data } as const
      const kind = at === 0 ? 'configuration' : 'command'
      return {
        type: 'entry',
        group,
        index: at + 1,
        term: 4,
        payload: encodeEntry({ ...entry, kind }),
      } as const
    }),
  ])
  await wal.close()
}

test('of two survivors of five the one with the longer log goes on under a new epoch', () =>
  withDirectory(first =>
    withDirectory(async second => {
      await store(first, 'a/1', 3)
      await store(second, 'b/1', 5)
      const reports = [await inspectStore(first), await inspectStore(second)]
      const plan = planFromReports(reports.map(report => parseReport(JSON.stringify(report))))
      assert.equal(plan.groups[0]?.replica, 'b/1')
      assert.deepEqual(plan.groups[0]?.lost, ['c/1', 'd/1', 'e/1'])
      assert.equal(await readEpoch(diskOf(first)), '')
      assert.deepEqual(await applyPlan(first, plan), [{ group: 0, replica: undefined }])
      assert.equal(await readEpoch(diskOf(first)), plan.epoch)
      assert.deepEqual((await inspectStore(first)).survivors, [])

      const [applied] = await applyPlan(second, parsePlan(JSON.stringify(plan)))
      assert.match(applied?.replica ?? '', /^b\/[0-9a-f]{16}$/)
      assert.equal(await readEpoch(diskOf(second)), plan.epoch)
      const after = await inspectStore(second)
      assert.equal(after.epoch, plan.epoch)
      assert.deepEqual(after.survivors[0]?.configuration.voters, [applied?.replica])
      assert.deepEqual(after.survivors[0]?.last, { index: 6, term: 1_000_004 })
      await assert.rejects(applyPlan(second, plan), error => codeOf(error) === 'PLAN_REFUSED')
      const mixed = [reports[0], after].flatMap(report => report ?? [])
      assert.throws(() => planFromReports(mixed), /different epochs/)
    }),
  ))

test('stores of two networks are not mixed', () =>
  withDirectory(first =>
    withDirectory(async second => {
      await store(first, 'a/1', 3)
      await store(second, 'b/1', 3, 8)
      const reports = [await inspectStore(first), await inspectStore(second)]
      assert.throws(() => planFromReports(reports), /different networks/)
      const plan = planFromReports(reports.slice(0, 1))
      await assert.rejects(applyPlan(second, plan), /another network/)
    }),
  ))

test('a directory without a log is refused', () =>
  withDirectory(async directory => {
    await assert.rejects(inspectStore(directory), error => codeOf(error) === 'FILE_NOT_FOUND')
    assert.throws(
      () => planFromReports([]),
      error => codeOf(error) === 'PLAN_REFUSED',
    )
  }))

test('reports and plans of another shape are refused', () => {
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"format":"holdfast-survivors-1","survivors":[1]}',
  ]) {
    assert.throws(
      () => parseReport(text),
      error => codeOf(error) === 'MALFORMED',
    )
    assert.throws(
      () => parsePlan(text),
      error => codeOf(error) === 'MALFORMED',
    )
  }
})

test('the command asks to be told that writes may be lost', () =>
  withDirectory(async directory => {
    await store(directory, 'a/1', 3)
    const report = join(directory, 'report.json')
    const file = join(directory, 'plan.json')
    writeFileSync(report, JSON.stringify(await inspectStore(directory)))
    assert.equal(await quietly(['recover', 'plan', report, '--out', file]), 0)
    assert.equal(await quietly(['recover', 'apply', directory, file]), 1)
    assert.equal(await quietly(['recover', 'apply', directory, file, '--confirm', 'yes']), 1)
    assert.equal(await readEpoch(diskOf(directory)), '')
    const phrase = recoveryPhrase(planFromReports([await inspectStore(directory)]))
    assert.equal(phrase, 'acknowledged writes of group 0 may be lost')
    assert.equal(await quietly(['recover', 'apply', directory, file, '--confirm', phrase]), 0)
    assert.notEqual(await readEpoch(diskOf(directory)), '')
    assert.equal(await quietly(['recover', 'inspect', directory]), 0)
  }))

/** Runs the program with its output kept from the terminal. */
async function quietly(args: readonly string[]): Promise<number> {
  const { log, error } = console
  Object.assign(console, { log: () => undefined, error: () => undefined })
  try {
    return await runProgram(args)
  } finally {
    Object.assign(console, { log, error })
  }
}
