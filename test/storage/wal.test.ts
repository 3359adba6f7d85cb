import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { ThreadedDisk } from '../../src/storage/threaded-disk.ts'
import type { WalRecord } from '../../src/storage/wal-record.ts'
import { SEGMENT_HEADER_BYTES } from '../../src/storage/wal-segment.ts'
import { Wal, type WalOptions } from '../../src/storage/wal.ts'
import { rejectsWith } from '../support/expect.ts'
import { ManualTimers } from '../support/manual-timers.ts'
import { withDirectory } from '../support/temporary.ts'

const SECTOR = 512
const networkId = new Uint8Array(32).fill(1)

const openWal = (directory: string, options: Partial<WalOptions> = {}): Promise<Wal> =>
  Wal.open({
    disk: openDisk(directory),
    timers: new ManualTimers(),
    random: new Prng(1),
    networkId,
    segmentBytes: 8_192,
    frameBytesMax: 4_096,
    ...options,
  })

/** A log that is opened, used, closed. */
async function withWal(
  directory: string,
  body: (wal: Wal) => Promise<void>,
  options: Partial<WalOptions> = {},
): Promise<void> {
  const wal = await openWal(directory, options)
  try {
    await body(wal)
  } finally {
    await wal.close()
  }
}

const base = (group: number, index = 0, term = 0): WalRecord => ({
  type: 'base',
  group,
  index,
  term,
})

const entry = (group: number, index: number, text: string, term = 1): WalRecord => ({
  type: 'entry',
  group,
  index,
  term,
  payload: fromUtf8(text),
})

async function textsOf(wal: Wal, group: number): Promise<string[]> {
  const from = (wal.group(group)?.baseIndex ?? 0) + 1
  const entries = await wal.read(group, from, 1 << 20)
  return entries.map(({ index, term, payload }) => `${index}/${term} ${toUtf8(payload)}`)
}

const segmentsIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter(name => name.endsWith('.wal'))
    .toSorted()

/** Changes one byte of a file. */
function spoil(path: string, position: number, change: (byte: number) => number): void {
  const bytes = readFileSync(path)
  bytes[position] = change(bytes[position] ?? 0)
  writeFileSync(path, bytes)
}

test('what was appended is there when the log is opened again', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1), entry(1, 1, 'a'), entry(1, 2, 'b')])
      await wal.append([{ type: 'state', group: 1, payload: fromUtf8('vote') }])
      await wal.append([base(2, 10, 4), entry(2, 11, 'c', 5)])
      assert.deepEqual(await textsOf(wal, 1), ['1/1 a', '2/1 b'])
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 1), ['1/1 a', '2/1 b'])
      assert.deepEqual(await textsOf(wal, 2), ['11/5 c'])
      const [first, second] = wal.groups
      assert.equal(toUtf8(first?.state ?? new Uint8Array()), 'vote')
      assert.deepEqual([second?.baseIndex, second?.baseTerm, second?.lastIndex], [10, 4, 11])
      assert.deepEqual(wal.recovery.damages, [])
    })
  }))

test('an entry replaces those from its index on', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1), entry(1, 1, 'a'), entry(1, 2, 'b'), entry(1, 3, 'c')])
      await wal.append([entry(1, 2, 'B', 2)])
      assert.deepEqual(await textsOf(wal, 1), ['1/1 a', '2/2 B'])
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 1), ['1/1 a', '2/2 B'])
    })
  }))

test('truncation, trim, base and drop hold after a restart', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      for (const group of [1, 2, 3, 4]) {
        await wal.append([base(group), ...[1, 2, 3].map(at => entry(group, at, `e${at}`))])
      }
      await wal.append([{ type: 'truncate', group: 1, index: 1 }])
      await wal.append([{ type: 'trim', group: 2, index: 2, term: 1 }])
      await wal.append([base(3, 7, 2)])
      await wal.append([{ type: 'drop', group: 4 }])
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 1), ['1/1 e1'])
      assert.deepEqual(await textsOf(wal, 2), ['3/1 e3'])
      assert.equal(wal.term(2, 2), 1)
      assert.equal(wal.term(2, 1), undefined)
      assert.deepEqual([wal.group(3)?.baseIndex, wal.group(3)?.lastIndex], [7, 7])
      assert.equal(wal.group(4), undefined)
    })
  }))

test('reads stop at the limit but bring at least one entry', () =>
  withDirectory(directory =>
    withWal(directory, async wal => {
      await wal.append([base(1), ...[1, 2, 3].map(at => entry(1, at, 'x'.repeat(100)))])
      assert.equal((await wal.read(1, 1, 1)).length, 1)
      assert.equal((await wal.read(1, 1, 250)).length, 2)
      assert.equal((await wal.read(1, 2, 1_000)).length, 2)
      assert.deepEqual(await wal.read(1, 4, 1_000), [])
      assert.deepEqual(await wal.read(9, 1, 1_000), [])
    }),
  ))

test('appends of one turn share a frame', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1)])
      await Promise.all([1, 2, 3, 4].map(at => wal.append([entry(1, at, 'x')])))
    })
    const reopened = await openWal(directory)
    // The base, the four entries, and the empty frame that vouches for them.
    assert.equal(reopened.recovery.frames, 3)
    await reopened.close()
  }))

test('segments are let go of once nobody needs them', () =>
  withDirectory(directory =>
    withWal(directory, async wal => {
      await wal.append([base(1)])
      for (let at = 1; at <= 200; at++) {
        await wal.append([entry(1, at, 'x'.repeat(400))])
        if (at % 5 === 0) await wal.append([{ type: 'trim', group: 1, index: at, term: 1 }])
      }
      assert.ok(wal.segmentCount <= 4, `${wal.segmentCount} segments`)
      assert.ok(readdirSync(directory).length <= 6)
    }),
  ))

test('a small idle group is written again instead of pinning the oldest segment', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(7), entry(7, 1, 'idle')])
      await wal.append([{ type: 'state', group: 7, payload: fromUtf8('voted') }])
      await wal.append([base(1)])
      for (let at = 1; at <= 300; at++) {
        await wal.append([
          entry(1, at, 'x'.repeat(400)),
          { type: 'trim', group: 1, index: at, term: 1 },
        ])
      }
      assert.ok(wal.segmentCount <= 6, `${wal.segmentCount} segments`)
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 7), ['1/1 idle'])
      assert.equal(toUtf8(wal.group(7)?.state ?? new Uint8Array()), 'voted')
    })
  }))

test('an append that cannot be is refused and changes nothing', () =>
  withDirectory(async directory => {
    const wal = await openWal(directory, { queueBytesMax: 3_000 })
    await wal.append([base(1)])
    await rejectsWith('TOO_LARGE', wal.append([entry(1, 1, 'x'.repeat(5_000))]))
    const fitting = wal.append([entry(1, 1, 'x'.repeat(2_000))])
    await rejectsWith('BUSY', wal.append([entry(1, 2, 'x'.repeat(2_000))]))
    await fitting
    assert.equal(wal.group(1)?.lastIndex, 1)
    await wal.close()
    await rejectsWith('CLOSED', wal.append([entry(1, 2, 'late')]))
  }))

const senseless: [string, WalRecord[]][] = [
  ['leaves a gap', [entry(1, 2, 'kept out'), entry(1, 4, 'gap')]],
  ['begins a group without a base', [entry(2, 1, 'x')]],
  ['has a term beyond all numbers', [entry(1, 2, 'x', 2 ** 53)]],
  ['has an index that never ends', [base(1, Number.POSITIVE_INFINITY)]],
]
for (const [what, records] of senseless) {
  test(`an append that ${what} is a bug, and none of it is in the log`, () =>
    withDirectory(async directory => {
      const wal = await openWal(directory)
      await wal.append([base(1), entry(1, 1, 'kept')])
      await assert.rejects(wal.append(records), { name: 'AssertionError' })
      await assert.rejects(wal.append([entry(1, 2, 'more')]), { name: 'AssertionError' })
      await wal.close()
      await withWal(directory, async reopened => {
        assert.deepEqual(await textsOf(reopened, 1), ['1/1 kept'])
      })
    }))
}

test('a log of another network, or of a later version, is refused', () =>
  withDirectory(async directory => {
    await withWal(directory, wal => wal.append([base(1)]))
    await rejectsWith('FOREIGN_STORE', openWal(directory, { networkId: new Uint8Array(32) }))
  }))

test('a torn last frame is cut off without a word of damage', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1), entry(1, 1, 'kept')])
    })
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    const whole = readFileSync(path)
    const long = [entry(1, 2, 'y'.repeat(3_000))]
    await withWal(directory, wal => wal.append(long))
    // Behind the first frame and its empty one lie seven sectors of the long frame.
    const start = SEGMENT_HEADER_BYTES + 2 * SECTOR
    const written = readFileSync(path)
    for (let sector = 0; sector < 7; sector++) {
      const torn = Buffer.from(written)
      const hole = start + sector * SECTOR
      torn.set(whole.subarray(hole, hole + SECTOR), hole)
      torn.fill(0, start + 7 * SECTOR)
      writeFileSync(path, torn)
      await withWal(directory, async wal => {
        assert.deepEqual(wal.recovery.damages, [], `sector ${sector}`)
        assert.deepEqual(await textsOf(wal, 1), ['1/1 kept'])
      })
    }
  }))

test('a bit flipped anywhere in the last frame is reported or without effect', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1), entry(1, 1, 'first')])
      await wal.append([entry(1, 2, 'y'.repeat(600))])
    })
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    const sound = readFileSync(path)
    // The empty frame behind it would vouch for it; without, only the stamps tell.
    sound.fill(0, SEGMENT_HEADER_BYTES + 3 * SECTOR)
    for (let at = 0; at < 2 * SECTOR; at++) {
      writeFileSync(path, sound)
      spoil(path, SEGMENT_HEADER_BYTES + SECTOR + at, byte => byte ^ (1 << (at % 8)))
      const wal = await openWal(directory)
      const [view] = wal.groups
      if (view?.damage === undefined) assert.equal((await textsOf(wal, 1)).length, 2, `byte ${at}`)
      else await rejectsWith('LOG_DAMAGED', wal.append([entry(1, 3, 'no')]))
      await wal.close()
      for (const name of segmentsIn(directory).slice(1)) rmSync(join(directory, name))
    }
  }))

test('rot in the last frame is reported although a prepared segment follows', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1)])
      for (let at = 1; at <= 9; at++) await wal.append([entry(1, at, 'x'.repeat(400))])
    })
    assert.equal(segmentsIn(directory).length, 2)
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    // The empty frame that vouches for the last one goes with it.
    const bytes = readFileSync(path)
    bytes.fill(0, SEGMENT_HEADER_BYTES + 10 * SECTOR, SEGMENT_HEADER_BYTES + 11 * SECTOR)
    writeFileSync(path, bytes)
    spoil(path, SEGMENT_HEADER_BYTES + 9 * SECTOR + 100, byte => byte ^ 1)
    await withWal(directory, async wal => {
      assert.equal(wal.recovery.damages.length, 1)
      assert.notEqual(wal.group(1)?.damage, undefined)
    })
  }))

test('both copies of a header gone make every group begin anew', () =>
  withDirectory(async directory => {
    await withWal(directory, wal => wal.append([base(1), entry(1, 1, 'a')]))
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    for (const copy of [0, SECTOR]) spoil(path, copy + 17, byte => byte ^ 1)
    await withWal(directory, async wal => {
      assert.equal(wal.recovery.damages.length, 1)
      assert.equal(wal.group(1), undefined)
      await wal.append([base(1, 1, 1), entry(1, 2, 'b')])
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 1), ['2/1 b'])
      // Until the damage is forgiven it is told at each start.
      assert.equal(wal.recovery.damages.length, 1)
      wal.forgiveDamage()
    })
    await withWal(directory, async wal => {
      assert.deepEqual(wal.recovery.damages, [])
      assert.deepEqual(await textsOf(wal, 1), ['2/1 b'])
    })
  }))

test('damage stays until the group begins anew', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1), entry(1, 1, 'lost')])
      await wal.append([base(2), entry(2, 1, 'other')])
    })
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    spoil(path, SEGMENT_HEADER_BYTES + 60, byte => byte ^ 1)
    for (let times = 0; times < 2; times++) {
      await withWal(directory, async wal => {
        assert.equal(wal.recovery.damages.length, 1)
        assert.equal(wal.group(2)?.damage, undefined)
        await wal.append([entry(2, 2 + times, 'goes on')])
      })
    }
    await withWal(directory, async wal => {
      await wal.append([base(1, 1, 1), entry(1, 2, 'new')])
    })
    await withWal(directory, async wal => {
      assert.deepEqual(await textsOf(wal, 1), ['2/1 new'])
      assert.equal(wal.group(1)?.damage, undefined)
      assert.equal((await textsOf(wal, 2)).length, 3)
    })
  }))

test('a frame that landed elsewhere is missed', () =>
  withDirectory(async directory => {
    await withWal(directory, async wal => {
      await wal.append([base(1)])
      await wal.append([entry(1, 1, 'astray')])
      await wal.append([entry(1, 2, 'next')])
    })
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    const bytes = readFileSync(path)
    const place = SEGMENT_HEADER_BYTES + SECTOR
    bytes.copy(bytes, 7_680, place, place + SECTOR)
    bytes.fill(0, place, place + SECTOR)
    writeFileSync(path, bytes)
    await withWal(directory, async wal => {
      assert.notEqual(wal.group(1)?.damage, undefined)
    })
  }))

test('rot that is found by reading marks the group', () =>
  withDirectory(async directory => {
    const wal = await openWal(directory)
    await wal.append([base(1), entry(1, 1, 'soon gone')])
    spoil(
      join(directory, segmentsIn(directory)[0] ?? ''),
      SEGMENT_HEADER_BYTES + 60,
      byte => byte ^ 4,
    )
    await rejectsWith('LOG_DAMAGED', wal.read(1, 1, 1_000))
    await rejectsWith('LOG_DAMAGED', wal.append([entry(1, 2, 'no')]))
    await wal.append([base(1, 1, 1), entry(1, 2, 'anew')])
    assert.deepEqual(await textsOf(wal, 1), ['2/1 anew'])
    await wal.close()
  }))

test('either copy of a segment header will do', () =>
  withDirectory(async directory => {
    await withWal(directory, wal => wal.append([base(1), entry(1, 1, 'a')]))
    const path = join(directory, segmentsIn(directory)[0] ?? '')
    for (const copy of [0, SECTOR]) {
      const sound = readFileSync(path)
      spoil(path, copy + 17, byte => byte ^ 1)
      await withWal(directory, async wal => {
        assert.deepEqual(await textsOf(wal, 1), ['1/1 a'])
      })
      writeFileSync(path, sound)
    }
  }))

test('flushes run in a thread of their own', () =>
  withDirectory(async directory => {
    const disk = new ThreadedDisk(directory)
    await withWal(
      directory,
      async wal => {
        await wal.append([base(1)])
        const appends = Array.from({ length: 100 }, (_, at) => wal.append([entry(1, at + 1, 'x')]))
        await Promise.all(appends)
        assert.equal((await textsOf(wal, 1)).length, 100)
      },
      { disk, background: openDisk(directory), segmentBytes: 65_536 },
    )
    await disk.close()
  }))
