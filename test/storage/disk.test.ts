import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Disk, Environment } from '../../src/base/environment.ts'
import { CheckedDisk, openDisk } from '../../src/storage/disk.ts'
import { blockingCalls } from '../../src/storage/system-calls.ts'
import { ThreadedDisk } from '../../src/storage/threaded-disk.ts'
import type { SimDrive } from '../sim/sim-drive.ts'
import { World } from '../sim/world.ts'
import { rejectsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'
import { acceptDisk } from './disk-acceptance.ts'

acceptDisk('pooled', body => withDirectory(directory => body(openDisk(directory))))
acceptDisk('blocking', body =>
  withDirectory(directory => body(new CheckedDisk(blockingCalls(directory)))),
)
acceptDisk('threaded', body =>
  withDirectory(async directory => {
    const disk = new ThreadedDisk(directory)
    try {
      await body(disk)
    } finally {
      await disk.close()
    }
  }),
)
acceptDisk('simulated', body => onSimulated(disk => body(disk)))

/** Runs a body as the program of a simulated peer. */
async function onSimulated(body: (disk: Disk, drive: SimDrive) => Promise<void>): Promise<void> {
  const world = new World(1)
  await world.play(
    () =>
      new Promise<void>((resolve, reject) => {
        const program = ({ disk }: Environment): Promise<void> => body(disk, peer.drive)
        const peer = world.addPeer('p', { program })
        peer.start(error => (error === undefined ? resolve() : reject(error)))
      }),
  )
}

test('files are 0600 and directories 0700', { skip: skipOnWindows() }, () =>
  withDirectory(async directory => {
    const disk = openDisk(directory)
    await disk.makeDirectory('d')
    await (await disk.open('d/f', 'create')).close()
    assert.equal(statSync(join(directory, 'd')).mode & 0o777, 0o700)
    assert.equal(statSync(join(directory, 'd/f')).mode & 0o777, 0o600)
  }),
)

function skipOnWindows(): string | false {
  return process.platform === 'win32' ? 'Windows has no such modes' : false
}

test('a directory that may not be written says so', { skip: skipAsRoot() }, () =>
  withDirectory(async directory => {
    mkdirSync(join(directory, 'd'), { mode: 0o500 })
    await rejectsWith('FILE_FORBIDDEN', openDisk(directory).open('d/f', 'create'))
  }),
)

function skipAsRoot(): string | false {
  return process.getuid?.() === 0 ? 'root may write anywhere' : false
}

test('a write goes on where the system stopped half way', () =>
  onSimulated(async (disk, drive) => {
    drive.faults.shortWrite = 0.9
    const bytes = new Uint8Array(10_000).map((_, at) => at)
    const file = await disk.open('a', 'create')
    await file.write(0, bytes.slice())
    assert.deepEqual(await file.read(0, bytes.length), bytes)
  }))

test('a full disk refuses the write and keeps what there was', () =>
  onSimulated(async (disk, drive) => {
    const file = await disk.open('a', 'create')
    await file.write(0, new Uint8Array(1000).fill(1))
    drive.capacityBytes = 1500
    await rejectsWith('DISK_FULL', file.write(1000, new Uint8Array(1000).fill(2)))
    assert.deepEqual(await file.read(0, 1000), new Uint8Array(1000).fill(1))
    drive.capacityBytes = 5000
    await file.write(1000, new Uint8Array(1000).fill(3))
    assert.equal(await file.sizeBytes(), 2000)
  }))

test('preallocation on a full disk leaves the size as it was', () =>
  onSimulated(async (disk, drive) => {
    const file = await disk.open('a', 'create')
    await file.write(0, new Uint8Array(100))
    drive.capacityBytes = 10_000
    await rejectsWith('DISK_FULL', file.preallocate(20_000))
    assert.equal(await file.sizeBytes(), 100)
  }))

test('a replacement that fails half way leaves the old file alone', () =>
  onSimulated(async (disk, drive) => {
    await disk.replace('a', new Uint8Array(100).fill(1))
    drive.capacityBytes = 150
    await rejectsWith('DISK_FULL', disk.replace('a', new Uint8Array(100).fill(2)))
    const file = await disk.open('a', 'read')
    assert.deepEqual(await file.read(0, 100), new Uint8Array(100).fill(1))
    assert.equal((await disk.list('.')).length, 1)
  }))

test('the first failed sync is final, whatever comes after it', () =>
  onSimulated(async (disk, drive) => {
    const file = await disk.open('a', 'create')
    await file.write(0, Uint8Array.of(1))
    drive.faults.syncError = 1
    await rejectsWith('DISK_FAILED', file.datasync())
    drive.faults.syncError = 0
    await rejectsWith('DISK_FAILED', file.datasync())
    await rejectsWith('DISK_FAILED', file.read(0, 1))
    await rejectsWith('DISK_FAILED', disk.open('b', 'create'))
  }))

test('a failed directory sync is final as well', () =>
  onSimulated(async (disk, drive) => {
    drive.faults.syncError = 1
    await rejectsWith('DISK_FAILED', disk.syncDirectory('.'))
    await rejectsWith('DISK_FAILED', disk.list('.'))
  }))

test('a failed read is the loss of what was to be read, no more', () =>
  onSimulated(async (disk, drive) => {
    await disk.replace('a', Uint8Array.of(1))
    const file = await disk.open('a', 'read')
    drive.faults.readError = 1
    await rejectsWith('DISK_IO', file.read(0, 1))
    drive.faults.readError = 0
    assert.deepEqual(await file.read(0, 1), Uint8Array.of(1))
  }))

test('calls fail with DISK_FAILED once the thread of a disk is gone', () =>
  withDirectory(async directory => {
    const disk = new ThreadedDisk(directory)
    await disk.replace('a', Uint8Array.of(1))
    await disk.close()
    await rejectsWith('DISK_FAILED', disk.list('.'))
  }))
