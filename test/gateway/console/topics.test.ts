import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import { rowTopic } from '../../../src/gateway/console/row-topic.ts'
import { type Message, Topic } from '../../../src/gateway/console/topic.ts'
import type { Changes } from '../../../src/gateway/console/views/live.ts'

interface Row {
  readonly id: number
  readonly text: string
  readonly noise?: number
}

/** A topic over rows that the test sets, and what one watcher of it was told. */
function scene(rows: readonly Row[]) {
  const world = { rows, looks: 0, failures: 0, isBroken: false }
  const topic = new Topic(
    rowTopic<Row>({
      event: 'rows',
      everyMs: 1_000,
      look: async () => {
        world.looks++
        if (world.isBroken) throw new Error('broken')
        return world.rows
      },
      idOf: ({ id }) => id,
      essenceOf: ({ id, text }) => [id, text],
      onFailure: () => void world.failures++,
    }),
  )
  const told: Changes<Row>[] = []
  const watcher = async ({ data }: Message): Promise<void> => void told.push(data as Changes<Row>)
  return { world, topic, told, watcher }
}

/** Lets what was begun come to its end. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

/** Runs a story in which time passes only when it says so. */
const inTime = (story: (pass: () => Promise<void>) => Promise<void>) => async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    await story(async () => {
      mock.timers.tick(2_000)
      await settle()
    })
  } finally {
    mock.timers.reset()
  }
}

test(
  'who watches is told all rows first, then those that changed and those that went',
  inTime(async pass => {
    const { world, topic, told, watcher } = scene([
      { id: 1, text: 'a' },
      { id: 2, text: 'b' },
    ])
    const stop = topic.watch(watcher)
    await settle()
    assert.deepEqual(told, [{ isWhole: true, rows: world.rows, gone: [] }])
    await pass()
    assert.equal(told.length, 1)
    world.rows = [
      { id: 2, text: 'c' },
      { id: 3, text: 'd' },
    ]
    await pass()
    assert.deepEqual(told.slice(1), [
      { isWhole: false, rows: [], gone: [1] },
      { isWhole: false, rows: world.rows, gone: [] },
    ])
    stop()
  }),
)

test(
  'nothing is looked at while nobody watches, and once for all who do',
  inTime(async pass => {
    const { world, topic, watcher } = scene([])
    const stops = [topic.watch(watcher), topic.watch(watcher)]
    await settle()
    assert.equal(world.looks, 1)
    await pass()
    assert.equal(world.looks, 2)
    for (const stop of stops) stop()
    await pass()
    await pass()
    assert.equal(world.looks, 2)
  }),
)

test(
  'who comes later is told all there is, and the others nothing twice',
  inTime(async () => {
    const { topic, told, watcher } = scene([{ id: 1, text: 'a' }])
    const stop = topic.watch(watcher)
    await settle()
    const late: Message[] = []
    const stopLate = topic.watch(async message => void late.push(message))
    assert.equal(late.length, 0)
    await settle()
    assert.deepEqual([told.length, late.length], [1, 1])
    stop()
    stopLate()
  }),
)

test(
  'many rows come in pieces, small changes of them by turns, those that matter at once',
  inTime(async pass => {
    const rows = Array.from({ length: 250 }, (_, id) => ({ id, text: 'a', noise: 0 }))
    const { world, topic, told, watcher } = scene(rows)
    const stop = topic.watch(watcher)
    await settle()
    assert.deepEqual(
      told.map(each => [each.isWhole, each.rows.length]),
      [
        [true, 100],
        [false, 100],
        [false, 50],
      ],
    )
    told.length = 0
    world.rows = rows.map(row => ({ ...row, noise: 1, text: row.id === 7 ? 'b' : 'a' }))
    await pass()
    const [first] = told
    assert.ok(first?.rows.some(({ id, text }) => id === 7 && text === 'b'))
    assert.ok((first?.rows.length ?? 0) <= 101)
    stop()
  }),
)

test(
  'a look that fails is told, and the next one goes on',
  inTime(async pass => {
    const { world, topic, told, watcher } = scene([{ id: 1, text: 'a' }])
    world.isBroken = true
    const stop = topic.watch(watcher)
    await settle()
    assert.deepEqual([world.failures, told.length], [1, 0])
    world.isBroken = false
    await pass()
    assert.equal(told.length, 1)
    stop()
  }),
)
