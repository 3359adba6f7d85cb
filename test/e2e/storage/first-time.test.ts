import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import type { ObjectPlacement } from '../../../src/index.ts'
import { scratchFolder } from '../../support/checkout.ts'
import { allSee, buildProgram, eventually, killAll, PeerProcess } from '../../support/processes.ts'
import {
  hashOf,
  holdfast,
  randomFile,
  type Shell,
  startStorage,
  succeed,
} from '../../support/storage.ts'

const flags = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--profile', 'fast']

/** What somebody does who meets Holdfast for the first time, word for word. */
describe('the first minutes', () => {
  let main = ''
  before(() => {
    main = buildProgram()
  })
  after(killAll)

  const placementOf = (shell: Shell, object: string): ObjectPlacement =>
    JSON.parse(succeed(shell, ['placement', object, '--json'])) as ObjectPlacement

  test('one peer stores; a second joins, and each file is on both; one dies, and it is there', async () => {
    const folder = scratchFolder()
    const start = async (name: string, more: readonly string[]): Promise<Shell> => {
      const data = join(folder, name)
      const peer = new PeerProcess(name, { main, data, flags: [...flags, ...more] })
      await peer.ready()
      return { main, peer, folder }
    }
    const first = await start('first', [])
    const hash = randomFile(join(folder, 'film'), 20_000_000)
    succeed(first, ['put', 'film', 'films/'])
    assert.equal(placementOf(first, 'films/film').segments[0]?.margin, 0)

    const invite = succeed(first, ['invite']).trim()
    const second = await start('second', ['--join', invite])
    await allSee([first.peer, second.peer], 15_000)
    // What was stored by one alone is raised to both, without a word.
    await eventually(
      async () => placementOf(second, 'films/film').segments.every(({ margin }) => margin >= 1),
      60_000,
      () => succeed(second, ['placement', 'films/film']),
    )
    second.peer.kill('SIGKILL')
    await second.peer.exited
    succeed(first, ['get', 'films/film', 'film.back'])
    assert.equal(await hashOf(join(folder, 'film.back')), hash)
  })

  test('of three peers one is killed: files are read, written, and whole again', async () => {
    const folder = scratchFolder()
    const { peers, shells } = await startStorage(main, 3, folder)
    const [a, b, c] = shells as readonly [Shell, Shell, Shell]
    const hash = randomFile(join(folder, 'film'), 40_000_000)
    succeed(a, ['put', 'film', 'films/before'])
    peers[2]?.kill('SIGKILL')
    await peers[2]?.exited
    for (const [index, shell] of [a, b].entries()) {
      succeed(shell, ['get', 'films/before', `before.${index}`])
      assert.equal(await hashOf(join(folder, `before.${index}`)), hash)
    }
    succeed(b, ['put', 'film', 'films/meanwhile'])
    succeed(a, ['get', 'films/meanwhile', 'meanwhile.back'])
    assert.equal(await hashOf(join(folder, 'meanwhile.back')), hash)

    const again = new PeerProcess('peer-2', { main, data: c.peer.data, flags })
    await again.ready()
    const isWhole = (object: string): boolean =>
      placementOf(a, object).segments.every(
        ({ m, fragments }) => m >= 1 && fragments.every(({ state }) => state === 'alive'),
      )
    await eventually(
      async () => isWhole('films/before') && isWhole('films/meanwhile'),
      120_000,
      () => `${succeed(a, ['placement', 'films/before'])}\n${succeed(a, ['repairs'])}`,
    )
    const { status } = holdfast({ main, peer: again, folder }, ['get', 'films/meanwhile', 'x'])
    assert.equal(status, 0)
  })
})
