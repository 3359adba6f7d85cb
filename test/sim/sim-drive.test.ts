import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Disk, DiskFile } from '../../src/base/environment.ts'
import { codeOf } from '../../src/base/errors.ts'
import { rejectsWith } from '../support/expect.ts'
import type { SimDrive } from './sim-drive.ts'
import { World } from './world.ts'

/** Runs a body as the program of a peer, with its drive. */
async function withDrive(
  body: (disk: Disk, drive: SimDrive, world: World) => Promise<void>,
  seed = 1,
): Promise<void> {
  const world = new World(seed)
  await world.play(
    () =>
      new Promise<void>((resolve, reject) => {
        const peer = world.addPeer('p', { program: ({ disk }) => body(disk, peer.drive, world) })
        peer.start(error => (error === undefined ? resolve() : reject(error)))
      }),
  )
}

const filled = (value: number, sizeBytes: number): Uint8Array =>
  new Uint8Array(sizeBytes).fill(value)

async function fileOf(disk: Disk, sizeBytes: number): Promise<DiskFile> {
  const file = await disk.open('a', 'create')
  await file.writeDurable(0, filled(1, sizeBytes))
  return file
}

test('a misdirected write lands on other sectors of the file', () =>
  withDrive(async (disk, drive) => {
    const file = await fileOf(disk, 65_536)
    drive.faults.misdirect = 1
    await file.write(0, filled(2, 512))
    const bytes = await file.read(0, 65_536)
    const hit = bytes.indexOf(2)
    assert.ok(hit > 0 && hit % 512 === 0, `hit at ${hit}`)
    assert.equal(bytes.filter(byte => byte === 2).length, 512)
  }))

test('a lying sync says yes and keeps nothing', async () => {
  const world = new World(3)
  const peer = world.addPeer('p', {
    program: async ({ disk }) => {
      const file = await disk.open('a', 'create')
      await disk.syncDirectory('.')
      peer.drive.faults.syncLie = 1
      await file.writeDurable(0, filled(1, 512))
      await new Promise(() => undefined)
    },
  })
  await world.play(async () => {
    const survivors = new Set<number>()
    for (let times = 0; times < 20; times++) {
      peer.start()
      await world.sleep(1_000)
      peer.crash('power')
      survivors.add(peer.drive.usedBytes)
      peer.loseDisk()
      peer.drive.faults.syncLie = 0
    }
    assert.ok(survivors.has(0), 'sometimes what was synced is gone')
  })
})

test('a slow sync takes its time', () =>
  withDrive(async (disk, drive, world) => {
    const file = await fileOf(disk, 512)
    drive.faults.syncSlow = 1
    const startMs = world.nowMs
    for (let times = 0; times < 20; times++) await file.datasync()
    assert.ok(world.nowMs - startMs > 200, `20 syncs took ${world.nowMs - startMs} ms`)
  }))

test('a failed write leaves part of itself', () =>
  withDrive(async (disk, drive) => {
    const file = await fileOf(disk, 4_096)
    drive.faults.writeError = 1
    await rejectsWith('DISK_IO', file.write(0, filled(2, 4_096)))
    drive.faults.writeError = 0
    const bytes = await file.read(0, 4_096)
    assert.ok(bytes.includes(1) && bytes.includes(2))
  }))

test('a call that is refused says why', () =>
  withDrive(async (disk, drive) => {
    drive.faults.callError = 1
    const codes = new Set<string | undefined>()
    for (let times = 0; times < 20; times++) {
      codes.add(await disk.list('.').then(() => undefined, codeOf))
    }
    assert.deepEqual(codes, new Set(['BUSY', 'DISK_IO']))
  }))

test('rot shows once the cache has nothing to hide it', () =>
  withDrive(async (disk, drive) => {
    const file = await fileOf(disk, 1_024)
    await file.write(0, filled(2, 512))
    drive.rot('a', 600, 'bit')
    assert.deepEqual(await file.read(512, 512), filled(1, 512))
    await file.datasync()
    drive.rot('a', 512, 512)
    assert.notDeepEqual(await file.read(512, 512), filled(1, 512))
  }))

test('a file that was opened to read cannot be written', () =>
  withDrive(async disk => {
    const written = await fileOf(disk, 512)
    await written.close()
    const file = await disk.open('a', 'read')
    await assert.rejects(file.write(0, filled(2, 1)))
  }))
