import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import type { UploadName } from '../../../src/index.ts'
import { scratchFolder } from '../../support/checkout.ts'
import { buildProgram, killAll, type PeerProcess } from '../../support/processes.ts'
import {
  ask,
  hashOf,
  holdfast,
  killDuring,
  randomFile,
  type Ran,
  type Shell,
  startStorage,
  succeed,
} from '../../support/storage.ts'

/** The uploads in parts that are under way. */
async function uploadsIn(peer: PeerProcess, bucket: string): Promise<readonly UploadName[]> {
  const response = await ask(peer, `/api/v1/buckets/${bucket}/uploads`)
  return ((await response.json()) as { uploads: readonly UploadName[] }).uploads
}

async function partsIn(peer: PeerProcess, { bucket, key, upload }: UploadName): Promise<number> {
  const response = await ask(peer, `/api/v1/uploads/${bucket}/${key}?upload=${upload}`)
  return ((await response.json()) as { parts: readonly unknown[] }).parts.length
}

/** The most memory a process has had. */
function peakBytes({ child }: PeerProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const [, kib = ''] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return Number(kib) * 1_024
}

/** Files in and out of a network of three peers, by the command line as a user has it. */
describe('files in a network', () => {
  let folder = ''
  let shells: readonly Shell[] = []
  const at = (peer: number): Shell => shells[peer] as Shell
  const path = (...names: string[]): string => join(folder, ...names)
  const run = (...args: string[]): string => succeed(at(0), args)
  const tried = (...args: string[]): Ran => holdfast(at(0), args)
  before(async () => {
    folder = scratchFolder()
    const started = await startStorage(buildProgram(), 3, folder)
    shells = started.shells
    run('buckets', 'create', 'sea')
  })
  after(killAll)

  for (const sizeBytes of [0, 1, 4096, 4097, 65_520, 1_000_000, 16_777_216, 20_000_001])
    test(`a file of ${sizeBytes} bytes comes back from every peer as it was`, async () => {
      const name = `file-${sizeBytes}`
      const hash = randomFile(path(name), sizeBytes)
      const put = JSON.parse(run('put', '--json', name, `sea/sizes/${name}`)) as {
        sizeBytes: number
      }
      assert.equal(put.sizeBytes, sizeBytes)
      for (const [index, shell] of shells.entries()) {
        succeed(shell, ['get', `sea/sizes/${name}`, `${name}.${index}`])
        assert.equal(await hashOf(path(`${name}.${index}`)), hash)
      }
    })

  test('a file of 200 MB goes in parts, and comes back', async () => {
    const hash = randomFile(path('large'), 200_000_000)
    run('put', 'large', 'sea/')
    const info = JSON.parse(run('stat', '--json', 'sea/large')) as { parts: number }
    assert.ok(info.parts > 1)
    succeed(at(1), ['get', 'sea/large', 'large.back'])
    assert.equal(await hashOf(path('large.back')), hash)
  })

  test('an upload that is killed goes on where it was', async () => {
    const hash = randomFile(path('killed'), 400_000_000)
    const { peer } = at(0)
    await killDuring(at(0), ['put', 'killed', 'sea/', '--parallel', '1'], async () => {
      const [upload] = await uploadsIn(peer, 'sea')
      return upload !== undefined && (await partsIn(peer, upload)) > 0
    })
    const { status, stderr } = tried('put', 'killed', 'sea/')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /were there already/)
    succeed(at(2), ['get', 'sea/killed', 'killed.back'])
    assert.equal(await hashOf(path('killed.back')), hash)
  })

  test('a download that is killed goes on where it was, and appears whole', async () => {
    const partial = (): number => {
      const [name] = readdirSync(folder).filter(each => each.startsWith('.slow.back.'))
      return name === undefined ? 0 : statSync(path(name)).size
    }
    await killDuring(at(1), ['get', 'sea/large', 'slow.back'], async () => partial() > 1_000_000)
    assert.equal(existsSync(path('slow.back')), false)
    const { status, stderr } = holdfast(at(1), ['get', 'sea/large', 'slow.back'])
    assert.equal(status, 0, stderr)
    assert.match(stderr, /were there already/)
    assert.equal(await hashOf(path('slow.back')), await hashOf(path('large')))
    assert.equal(partial(), 0)
  })

  // Of all that went before, a gigabyte in and out: what is held does not grow with what passes.
  const isLinux = process.platform === 'linux' || 'only Linux tells the peak'
  test('no peer has had more than 300 MB of memory', { skip: isLinux !== true && isLinux }, () => {
    const peaks = shells.map(({ peer }) => Math.round(peakBytes(peer) / 1e6))
    assert.ok(Math.max(...peaks) <= 300, `${peaks.join(', ')} MB`)
  })
})
