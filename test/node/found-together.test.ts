import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createLog } from '../../src/node/log.ts'
import { guardAgainstLeaks } from '../sim/leak-guard.ts'
import { type House, Town } from '../sim/town.ts'
import { World } from '../sim/world.ts'

const NAMES = ['a', 'b', 'c']
const listOf = (names: readonly string[]): readonly string[] =>
  names.map(name => `/dns4/${name}/tcp/4801/p2p/${name}`)

interface Scene {
  readonly town: Town
  /** What the peers said about their start. */
  readonly said: string[]
  readonly add: (name: string, list?: readonly string[]) => House
}

async function inScene(seed: number, story: (scene: Scene) => Promise<void>): Promise<void> {
  const town = new Town(new World(seed))
  const said: string[] = []
  const log = createLog(
    'warn',
    ({ message, fields }) => said.push(`${message} ${JSON.stringify(fields)}`),
    () => town.world.nowMs,
  )
  const add = (name: string, peers = listOf(NAMES)): House =>
    town.add(name, { node: { bootstrap: { expect: peers.length, peers }, log } })
  const liftGuard = guardAgainstLeaks()
  try {
    await town.world.play(() => story({ town, said, add }))
  } finally {
    liftGuard()
  }
}

/** All are up, and see each other. */
const areOne = (houses: readonly House[]) => (): boolean =>
  houses.every(({ node }) => node?.status().peers.alive === houses.length)

/** One network has one authority. */
const founders = (houses: readonly House[]): number =>
  houses.filter(({ node }) => node?.status().isAuthority === true).length

test('peers that are started with one list become one network', () =>
  inScene(1, async ({ town, add }) => {
    const houses = NAMES.map(name => add(name))
    assert.ok(await town.until(60_000, areOne(houses)))
    assert.equal(founders(houses), 1)
  }))

test('who comes a minute late is waited for, by all', () =>
  inScene(2, async ({ town, add }) => {
    const early = ['a', 'b'].map(name => add(name))
    await town.world.sleep(60_000)
    assert.deepEqual(
      early.map(({ node, failure }) => [node, failure]),
      [
        [undefined, undefined],
        [undefined, undefined],
      ],
    )
    const houses = [...early, add('c')]
    assert.ok(await town.until(60_000, areOne(houses)))
  }))

test('a peer with another list is named, and no network is made', () =>
  inScene(3, async ({ town, said, add }) => {
    const houses = [add('a'), add('b'), add('c', listOf(['a', 'c']))]
    await town.world.sleep(60_000)
    assert.equal(houses.filter(({ node }) => node !== undefined).length, 0)
    assert.match(said.join('\n'), /another list of peers/)
  }))

test('a list without this peer, or of another length, is refused', () =>
  inScene(4, async ({ town, add }) => {
    const houses = [add('a', listOf(['b', 'c'])), add('b', ['/dns4/b/tcp/1', '/dns4/c/tcp/1'])]
    await town.world.sleep(1_000)
    for (const { failure } of houses) assert.match(String(failure), /Cannot use bootstrap/)
  }))

for (let seed = 10; seed < 18; seed++) {
  test(`crashes at any moment leave one network of all, seed ${seed}`, () =>
    inScene(seed, async ({ town, add }) => {
      const houses = NAMES.map(name => add(name))
      const random = town.world.random.fork('crashes')
      for (let crash = 0; crash < 4; crash++) {
        await town.world.sleep(random.below(1_500))
        const house = random.pick(houses)
        town.crash(house, random.chance(0.5) ? 'power' : 'process')
        await town.world.sleep(random.below(1_000))
        town.start(house)
      }
      // A founder that was cut short may wait half a minute for those who have joined meanwhile.
      const restarted = async (): Promise<boolean> => {
        for (const house of houses) if (house.failure !== undefined) town.start(house)
        return areOne(houses)()
      }
      assert.ok(await town.until(240_000, restarted), failuresOf(houses))
      assert.equal(founders(houses), 1)
    }))
}

const failuresOf = (houses: readonly House[]): string =>
  houses
    .map(({ name, node, failure }) => `${name} ${node?.status().peers.alive} ${String(failure)}`)
    .join(', ')
