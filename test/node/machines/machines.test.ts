import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { HoldfastNode } from '../../../src/node/create-node.ts'
import {
  defineMachine,
  type MachineDefinition,
  type Machines,
} from '../../../src/node/machines/define-machine.ts'
import { guardAgainstLeaks } from '../../sim/leak-guard.ts'
import { type House, Town } from '../../sim/town.ts'
import { World } from '../../sim/world.ts'
import { bank } from '../../support/bank.ts'
import { rejectsWith } from '../../support/expect.ts'

/** A town of peers that have the bank in their program; resolves once they see each other. */
async function inTown(
  size: number,
  story: (town: Town, houses: House[]) => Promise<void>,
  programOf: (at: number) => { machines: Machines } = () => ({ machines: { bank } }),
): Promise<void> {
  const town = new Town(new World(11))
  const liftGuard = guardAgainstLeaks()
  try {
    await town.world.play(async () => {
      const founder = town.add('p0', { node: programOf(0) })
      assert.ok(await town.until(20_000, () => founder.node !== undefined))
      const token = await nodeOf(founder).invite({ uses: size })
      const others = Array.from({ length: size - 1 }, (_, at) =>
        town.add(`p${at + 1}`, { node: programOf(at + 1), join: () => token }),
      )
      const houses = [founder, ...others]
      assert.ok(await town.until(30_000, () => houses.every(house => house.node !== undefined)))
      await story(town, houses)
    })
  } finally {
    liftGuard()
  }
}

function nodeOf(house: House | undefined): HoldfastNode {
  assert.ok(house?.node, `${house?.name} is up`)
  return house.node
}

/** Of the group that has least of them. */
async function votersOf(node: HoldfastNode): Promise<number> {
  const groups = await node.groups()
  const counts = groups.map(
    ({ members }) => members.filter(({ role }) => role !== 'learner').length,
  )
  // The system group, the catalog's, and that of the machine.
  return counts.length < 3 ? 0 : Math.min(...counts)
}

describe('a machine of an application', () => {
  test('is founded when it is first used, and is one machine at all peers', () =>
    inTown(3, async (town, [a, b, c]) => {
      const [first, second, third] = [a, b, c].map(house => nodeOf(house).machine(bank))
      assert.ok(first && second && third)
      await first.submit({ type: 'open', account: 'ann', amount: 100 })
      assert.equal(await second.query({ account: 'ann' }), 100)
      assert.ok(await town.until(30_000, async () => (await votersOf(nodeOf(a))) === 3))

      const pay = { type: 'pay', from: 'ann', to: 'bob', amount: 30 } as const
      const paid = await second.submit(pay, { key: 'once' })
      assert.deepEqual([paid.answer, paid.isRepeat], [70, false])
      const again = await third.submit(pay, { key: 'once' })
      assert.deepEqual(again, { ...paid, isRepeat: true })
      assert.deepEqual(await first.answerOf('once'), again)
      assert.equal(await first.answerOf('never'), undefined)
      await rejectsWith('MACHINE_KEY_REUSED', first.submit({ ...pay, amount: 31 }, { key: 'once' }))

      const much = { ...pay, amount: 71 }
      await rejectsWith('MACHINE_REFUSED', third.submit(much, { key: 'much' }))
      await first.submit({ type: 'open', account: 'ann', amount: 1_000 })
      await rejectsWith('MACHINE_REFUSED', second.submit(much, { key: 'much' }))
      assert.equal(await third.query({ account: 'bob' }), 30)
    }))

  test('goes on when its leader is gone, and forgets nothing when power fails', () =>
    inTown(3, async (town, houses) => {
      const [a] = houses
      await nodeOf(a)
        .machine(bank)
        .submit({ type: 'open', account: 'ann', amount: 5 }, { key: 'open' })
      assert.ok(await town.until(30_000, async () => (await votersOf(nodeOf(a))) === 3))
      const group = (await nodeOf(a).groups()).find(({ name }) => name === 'bank')
      const leader = houses.find(({ name }) => name === group?.leader)
      const other = houses.find(house => house !== leader)
      town.crash(leader as House, 'power')
      const pay = { type: 'pay', from: 'ann', to: 'bob', amount: 1 } as const
      await nodeOf(other).machine(bank).submit(pay, { key: 'k' })
      town.start(leader as House)
      assert.ok(await town.until(20_000, () => leader?.node !== undefined))
      for (const house of houses) town.crash(house, 'power')
      for (const house of houses) town.start(house)
      assert.ok(await town.until(20_000, () => houses.every(({ node }) => node !== undefined)))
      const receipt = await nodeOf(leader).machine(bank).submit(pay, { key: 'k' })
      assert.ok(receipt.isRepeat)
      assert.equal(await nodeOf(leader).machine(bank).query({ account: 'bob' }), 1)
    }))

  test('tells what happens, to whoever watches from an index on', () =>
    inTown(2, async (_, [a, b]) => {
      const machine = nodeOf(a).machine(bank)
      const { index } = await machine.submit({ type: 'open', account: 'ann', amount: 10 })
      for (let amount = 1; amount < 4; amount++) {
        await machine.submit({ type: 'pay', from: 'ann', to: 'bob', amount })
      }
      const seen: number[] = []
      for await (const { event, isLast } of nodeOf(b).machine(bank).watch({ after: index })) {
        assert.ok(isLast)
        seen.push(event.amount)
        if (seen.length === 3) break
      }
      assert.deepEqual(seen, [1, 2, 3])
    }))

  test('has timers that fire by the time of the log', () =>
    inTown(2, async (town, [a]) => {
      const machine = nodeOf(a).machine(bank)
      await machine.submit({ type: 'later', afterMs: 5_000, account: 'ann' })
      await town.world.sleep(4_000)
      assert.equal(await machine.query({ account: 'ann' }), undefined)
      await town.world.sleep(2_000)
      assert.equal(await machine.query({ account: 'ann' }), 1)
      assert.equal((await machine.inspect()).timers, 0)
    }))

  test('refuses what is not deterministic, and changes nothing by it', () =>
    inTown(2, async (_, [a]) => {
      const machine = nodeOf(a).machine(bank)
      const { hash } = await machine.inspect()
      for (const how of ['clock', 'chance', 'bug', 'promise'] as const) {
        await rejectsWith(
          'MACHINE_FAILED',
          machine.submit({ type: 'misbehave', how }, { key: how }),
        )
      }
      const { hash: after, failures } = await machine.inspect()
      assert.deepEqual([after, failures], [hash, 4])
    }))

  test('takes files with a command, or neither', () =>
    inTown(3, async (town, [a, b]) => {
      const node = nodeOf(a)
      const machine = node.machine(bank)
      assert.ok(
        await town.until(30_000, () =>
          node.createBucket('bank').then(
            () => true,
            () => false,
          ),
        ),
      )
      const source = new TextEncoder().encode('a statement')
      const files = { 'may.csv': { bucket: 'bank', source } }
      assert.equal((await machine.submit({ type: 'keep' }, { files, key: 'may' })).answer, 1)
      const listed = async (): Promise<string[]> => {
        const keys: string[] = []
        for await (const entry of nodeOf(b).list('bank')) {
          if (entry.type === 'object') keys.push(entry.key)
        }
        return keys
      }
      assert.equal((await listed()).length, 1)
      // What comes twice, or is refused, leaves no file behind.
      assert.ok((await machine.submit({ type: 'keep' }, { files, key: 'may' })).isRepeat)
      const pay = { type: 'pay', from: 'nobody', to: 'ann', amount: 1 } as const
      await rejectsWith('MACHINE_REFUSED', machine.submit(pay, { files }))
      assert.ok(await town.until(10_000, async () => (await machine.inspect()).stages === 0))
      assert.equal((await listed()).length, 1)
    }))
})

/** A program that is not the same everywhere: it has another rate for the thirteenth. */
const interest = (rate: number): MachineDefinition<number, number> =>
  defineMachine({
    version: 1,
    apply(state, amount: number) {
      const total = (state.get<number>('total') ?? 0) + (amount === 13 ? amount * rate : amount)
      state.set('total', total)
      return total
    },
  })

test('a replica whose state is not what the majority has stops, and says so', async () => {
  const programs = [interest(1), interest(1), interest(2)]
  const stopped: string[] = []
  await inTown(
    3,
    async (town, houses) => {
      for (const house of houses) {
        nodeOf(house).onEvent(event => {
          if (event.type === 'machine stopped') stopped.push(`${house.name} ${event.machine}`)
        })
      }
      const [first, , last] = houses.map((house, at) =>
        nodeOf(house).machine(programs[at] as MachineDefinition<number, number>),
      )
      await first?.submit(1)
      assert.ok(await town.until(30_000, async () => (await votersOf(nodeOf(houses[0]))) === 3))
      await first?.submit(13)
      assert.ok(await town.until(10_000, () => stopped.length > 0))
      await town.world.sleep(5_000)
      assert.deepEqual(stopped, ['p2 interest'])
      // The others go on, and so does whoever used the peer whose replica stopped.
      assert.equal((await last?.submit(1))?.answer, 15)
    },
    at => ({ machines: { interest: programs[at] as MachineDefinition } }),
  )
})

/** A machine that answers which version applied the command. */
const versioned = (newest: number): MachineDefinition<null, number> =>
  defineMachine({ version: newest, apply: (_state, _command: null, { version }) => version })

test('a version is in force once every voter knows it', async () => {
  const [old, recent] = [versioned(1), versioned(2)]
  const programs = [old, recent, old].map(each => ({
    machines: { versioned: each },
  }))
  await inTown(
    3,
    async (town, houses) => {
      const submit = async (at: number): Promise<number> => {
        const machine = programs[at]?.machines.versioned as MachineDefinition<null, number>
        return (await nodeOf(houses[at]).machine(machine).submit(null)).answer
      }
      assert.equal(await submit(0), 1)
      assert.ok(await town.until(30_000, async () => (await votersOf(nodeOf(houses[0]))) === 3))
      assert.equal(await submit(1), 1)
      for (const at of [0, 2]) {
        const house = houses[at] as House
        Object.assign(programs[at] as object, { machines: { versioned: recent } })
        town.crash(house, 'process')
        town.start(house)
        assert.ok(await town.until(20_000, () => house.node !== undefined))
      }
      assert.ok(await town.until(20_000, async () => (await submit(0)) === 2))
      // Who does not know what is in force can use the machine, but has no replica of it.
      const late = houses[2] as House
      Object.assign(programs[2] as object, { machines: { versioned: old } })
      town.crash(late, 'process')
      town.start(late)
      assert.ok(await town.until(20_000, () => late.node !== undefined))
      assert.equal(await submit(2), 2)
    },
    at => programs[at] as { machines: Machines },
  )
})
