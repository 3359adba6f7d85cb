import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf, HoldfastError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import type { Catalog } from '../../../src/node/catalog/catalog.ts'
import { rejectsWith } from '../../support/expect.ts'
import { bytesOf, NAMES, StoreTown, streamOf } from '../../support/store-town.ts'

const random = new Prng(11)
const MiB = 1_048_576
const place = { bucket: 'films', key: 'a film' }
const film = random.bytes(2 * MiB + 77)

/** Every pair of the peers but `a`, which is asked, and every one alone. */
const groups = NAMES.slice(1).flatMap((one, at) => [
  [one],
  ...NAMES.slice(at + 2).map(other => [one, other]),
])

type Harm = 'dead' | 'hung' | 'rotten' | 'lying'

function strike(town: StoreTown, name: string, harm: Harm): void {
  const { machine, keys } = town.town.peer(name)
  if (harm === 'dead') town.town.kill(name)
  if (harm === 'hung') machine.pause()
  if (harm === 'lying') town.liars.add(name)
  if (harm !== 'rotten') return
  for (const { path, sizeBytes } of machine.drive.files()) {
    if (!path.startsWith('frag/')) continue
    for (let at = 20_000; at < sizeBytes; at += 30_000) machine.drive.flipBit(path, at, 3)
  }
  for (const key of keys.keys()) if (key.startsWith('63')) keys.flipBit(key)
}

for (const harm of ['dead', 'hung', 'rotten', 'lying'] as const)
  test(`a film is read as quickly as before, or a second later, while any two peers are ${harm}`, async () => {
    for (const names of groups)
      await StoreTown.play(6, async town => {
        await town.store('a').put(place, film)
        const { world } = town.town
        await world.sleep(1_000)
        const read = async (range: { from?: number; to?: number }): Promise<number> => {
          const began = world.nowMs
          const { body, from, to } = await town.store('a').get(place, range)
          assert.ok(Buffer.from(film.subarray(from, to)).equals(await bytesOf(body)))
          return world.nowMs - began
        }
        const range = { from: MiB + 5, to: MiB + 300_000 }
        const [whole, part] = [await read({}), await read(range)]
        for (const name of names) strike(town, name, harm)
        const [wholeAfter, partAfter] = [await read({}), await read(range)]
        assert.ok(wholeAfter < whole + 1_000, `${names.join('+')}: ${whole} → ${wholeAfter} ms`)
        assert.ok(partAfter < part + 1_000, `${names.join('+')}: ${part} → ${partAfter} ms`)
        const seats = names.map(name => NAMES.indexOf(name) + 1)
        const { segments } = await town.store('a').placement(place)
        const hadData = segments[0]?.fragments.some(
          ({ kind, peer }) => kind === 'data' && names.includes(String(peer)),
        )
        if (hadData && harm !== 'hung') assert.ok(town.faults.length > 0, 'it is told')
        assert.ok(town.faults.every(({ seat }) => seats.includes(seat)))
      })
  })

for (const harm of ['dead', 'hung'] as const)
  test(`a film is written as quickly as before, or a second later, while any two peers are ${harm}`, async () => {
    for (const names of groups)
      await StoreTown.play(6, async town => {
        const { world } = town.town
        const write = async (key: string): Promise<number> => {
          const began = world.nowMs
          await town.store('a').put({ bucket: 'films', key }, streamOf(film))
          return world.nowMs - began
        }
        const before = await write('first')
        for (const name of names) strike(town, name, harm)
        const after = await write('second')
        assert.ok(after < before + 1_000, `${names.join('+')}: ${before} → ${after} ms`)
        const { segments } = await town.store('a').placement({ bucket: 'films', key: 'second' })
        for (const { k, m, fragments } of segments) {
          const holders = fragments.filter(({ peer }) => peer !== undefined)
          assert.ok(m > 0 && holders.length >= k + Math.ceil(m / 2) && holders.length > k)
          assert.ok(holders.every(({ peer }) => !names.includes(String(peer))))
        }
        const reading = await town.store('a').get({ bucket: 'films', key: 'second' })
        assert.ok(Buffer.from(film).equals(await bytesOf(reading.body)))
      })
  })

for (const harm of ['dead', 'hung'] as const)
  test(`a holder that is ${harm} in the middle of a write is done without`, () =>
    StoreTown.play(6, async town => {
      let sent = 0
      const source = async function* (): AsyncGenerator<Uint8Array> {
        for await (const piece of streamOf(random.bytes(40 * MiB), MiB)) {
          if (++sent === 36) for (const name of ['c', 'e']) strike(town, name, harm)
          yield piece
          await town.town.world.sleep(10)
        }
      }
      const began = town.town.world.nowMs
      const { etag } = await town.store('a').put(place, source())
      assert.ok(town.town.world.nowMs - began < 3_000, `${town.town.world.nowMs - began} ms`)
      assert.equal((await town.store('a').head(place)).etag, etag)
      const { segments } = await town.store('a').placement(place)
      assert.equal(segments[0]?.k, 4)
      assert.equal(segments[2]?.fragments.length, 4, 'the rest is spread over four')
      assert.equal((await bytesOf((await town.store('b').get(place)).body)).length, 40 * MiB)
    }))

test('with three peers of which one hangs, two are enough', () =>
  StoreTown.play(3, async town => {
    strike(town, 'c', 'hung')
    const began = town.town.world.nowMs
    await town.store('a').put(place, film)
    assert.ok(town.town.world.nowMs - began < 1_000)
    const { segments } = await town.store('a').placement(place)
    assert.deepEqual([segments[0]?.k, segments[0]?.m, segments[0]?.margin], [1, 1, 1])
    assert.ok(Buffer.from(film).equals(await bytesOf((await town.store('b').get(place)).body)))
  }))

test('a network of several peers stores nothing that one of them has alone', () =>
  StoreTown.play(3, async town => {
    for (const name of ['b', 'c']) {
      strike(town, name, 'dead')
      town.states.set(name, 'dead')
    }
    const error = await town
      .store('a')
      .put(place, film)
      .catch((reason: unknown) => reason)
    assert.ok(error instanceof HoldfastError)
    assert.deepEqual(error.details, { code: 'TOO_FEW_PEERS', have: 1, need: 2 })
    await town.store('a').put(place, new Uint8Array(100))
  }))

test('peers whose disks are full are passed over, and when all are that is said', () =>
  StoreTown.play(
    4,
    async town => {
      let stored = 0
      for (;;) {
        const key = `film ${stored}`
        const put = town.store('a').put({ bucket: 'films', key }, random.bytes(2 * MiB))
        const code = await put.then(() => undefined, codeOf)
        if (code !== undefined) {
          assert.ok(['TOO_FEW_PEERS', 'STORE_READONLY'].includes(code), code)
          break
        }
        stored++
      }
      assert.ok(stored >= 3, `${stored} films`)
      await town.town.world.sleep(5_000)
      for (let at = 0; at < stored; at++) {
        const reading = await town.store('b').get({ bucket: 'films', key: `film ${at}` })
        assert.equal((await bytesOf(reading.body)).length, 2 * MiB)
      }
      await town.store('a').put(place, new Uint8Array(10))
    },
    { capacityBytes: 8 * MiB },
  ))

test('an aborted put ends at once, tells its source, and leaves nothing', () =>
  StoreTown.play(6, async town => {
    const controller = new AbortController()
    let isOver = false
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (let piece = 0; ; piece++) {
          if (piece === 50) controller.abort(new Error('enough'))
          yield random.bytes(MiB)
        }
      } finally {
        isOver = true
      }
    }
    const put = town.store('a').put(place, source(), { signal: controller.signal })
    await assert.rejects(put, /enough/)
    assert.ok(isOver)
    await town.town.world.sleep(15_000)
    await rejectsWith('NO_SUCH_KEY', town.store('a').head(place))
    for (const name of NAMES) {
      const { fragments, environment } = town.town.peer(name)
      const nowMs = environment.clock.wallMs()
      for (const { references } of await fragments.store.list())
        assert.ok(references.every(({ untilMs }) => untilMs !== 0 && untilMs <= nowMs))
    }
  }))

test('a reader that stops early cancels what is under way', () =>
  StoreTown.play(3, async town => {
    await town.store('a').put(place, random.bytes(40 * MiB))
    await town.town.world.sleep(500)
    const { body } = await town.store('b').get(place)
    for await (const chunk of body) {
      assert.ok(chunk.length > 0)
      break
    }
    const controller = new AbortController()
    const reading = await town.store('b').get(place, { signal: controller.signal })
    const all = bytesOf(reading.body)
    controller.abort(new Error('enough'))
    await assert.rejects(all, /enough/)
    await town.town.world.sleep(1_000)
    const before = town.town.world.events
    await town.town.world.sleep(10_000)
    assert.ok(town.town.world.events - before < 50, 'nothing goes on in the background')
  }))

test('a command that is refused releases its fragments, one that may have been applied does not', async () => {
  for (const outcome of ['BUSY', 'OUTCOME_UNKNOWN'] as const) {
    let isBroken = false
    const broken = (catalog: Catalog): Catalog =>
      new Proxy(catalog, {
        get: (target, name) => {
          if (name !== 'propose') return Reflect.get(target, name).bind?.(target)
          return async (command: Parameters<Catalog['propose']>[0]) => {
            if (!isBroken || command.type !== 'putObject') return target.propose(command)
            if (outcome === 'BUSY') throw failure({ code: 'BUSY', what: 'test' })
            await target.propose(command)
            throw failure({ code: 'OUTCOME_UNKNOWN', group: 1, reason: 'test' })
          }
        },
      })
    await StoreTown.play(
      3,
      async town => {
        isBroken = true
        await rejectsWith(outcome, town.store('a').put(place, film))
        await town.town.world.sleep(5_000)
        const held = await town.held()
        assert.equal(held.kept, 0)
        if (outcome === 'BUSY') return
        const reading = await town.store('b').get(place)
        assert.ok(Buffer.from(film).equals(await bytesOf(reading.body)))
      },
      { catalog: broken },
    )
  }
})

const failure = (details: HoldfastError['details']): HoldfastError =>
  new HoldfastError('as the test wants it', details)

test('a write that takes long keeps its content open, and is listed at its end', () =>
  StoreTown.play(3, async town => {
    const bytes = random.bytes(3 * MiB)
    const { world } = town.town
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of streamOf(bytes, MiB)) {
        yield piece
        await world.sleep(40 * 60_000)
      }
    }
    await town.store('a').put(place, source())
    assert.ok(Buffer.from(bytes).equals(await bytesOf((await town.store('b').get(place)).body)))
    await world.sleep(1_000)
    assert.equal((await town.held()).leased, 0)
  }))

test('a placement that has changed since it was looked up is looked up again', () =>
  StoreTown.play(3, async town => {
    await town.store('a').put(place, film)
    await town.town.world.sleep(500)
    const real = town.catalog.ask.bind(town.catalog)
    const wrong = new Proxy(town.catalog, {
      get: (target, name) => (name === 'ask' ? stale : Reflect.get(target, name).bind?.(target)),
    })
    let asked = 0
    const stale: Catalog['ask'] = async (type, about, options) => {
      const answer = await real(type, about, options)
      if (type !== 'segments' || options?.consistency !== 'stale') return answer
      asked++
      const segments = answer as readonly { fragments: readonly object[] }[]
      const moved = segments.map(segment => ({
        ...segment,
        fragments: segment.fragments.map(fragment => ({ ...fragment, seat: 99 })),
      }))
      return moved as unknown as typeof answer
    }
    const elsewhere = new StoreTown(town.town, wrong, town.names)
    const reading = await elsewhere.store('b').get(place)
    assert.ok(Buffer.from(film).equals(await bytesOf(reading.body)))
    assert.equal(asked, 1)
  }))

test('a write waits a moment for peers that have just come', () =>
  StoreTown.play(3, async town => {
    for (const name of ['b', 'c']) town.newcomers.add(name)
    town.town.world.schedule(2_000, () => town.newcomers.clear())
    await town.store('a').put(place, film)
    assert.equal((await town.store('a').placement(place)).segments[0]?.m, 1)
    for (const name of ['b', 'c']) town.newcomers.add(name)
    const began = town.town.world.nowMs
    await rejectsWith('TOO_FEW_PEERS', town.store('a').put(place, film))
    assert.ok(town.town.world.nowMs - began < 6_000)
  }))

test('a source is asked for no more than a few segments beyond what its holders take', () =>
  StoreTown.play(2, async town => {
    strike(town, 'b', 'hung')
    const controller = new AbortController()
    let sent = 0
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        sent++
        yield random.bytes(MiB)
      }
    }
    const put = town.store('a').put(place, source(), { signal: controller.signal })
    put.catch(() => undefined)
    await town.town.world.sleep(20_000)
    assert.ok(sent <= 16 * 3 + 4, `${sent} MiB were taken`)
    controller.abort(new Error('enough'))
    await assert.rejects(put, /enough/)
  }))
