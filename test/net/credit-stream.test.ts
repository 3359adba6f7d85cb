import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { concat } from '../../src/base/bytes.ts'
import { STREAM_PATIENCE_MS, STREAM_WINDOW_BYTES } from '../../src/base/environment.ts'
import { Prng } from '../../src/base/prng.ts'
import { CreditStream, feed } from '../../src/net/credit-stream.ts'
import type { RefusalReason } from '../../src/net/net-events.ts'
import { Refusals } from '../../src/net/refusals.ts'
import { StreamFrameReader } from '../../src/net/stream-frames.ts'
import { rejectsWith } from '../support/expect.ts'
import { ManualTimers, settle } from '../support/manual-timers.ts'

/** Two ends whose bytes wait here until they are let through, in pieces of any size. */
class Wire {
  readonly timers = new ManualTimers()
  readonly refused: RefusalReason[] = []
  readonly opened: string[] = []
  readonly a: CreditStream
  readonly b: CreditStream
  readonly #toA: Uint8Array[] = []
  readonly #toB: Uint8Array[] = []
  doneAt: string[] = []
  unreadMost = 0

  constructor(windowBytes: number = STREAM_WINDOW_BYTES) {
    const clock = { monotonicMs: () => this.timers.nowMs, wallMs: () => 0 }
    const refusals = new Refusals(clock, event => {
      if (event.type === 'refused') this.refused.push(event.reason)
    })
    const end = (
      name: string,
      out: Uint8Array[],
      onOpen?: (protocol: string) => void,
    ): CreditStream =>
      new CreditStream({
        peer: name,
        windowBytes,
        timers: this.timers,
        refusals,
        carrier: {
          send: (header, payload) => {
            out.push(payload === undefined ? header : concat([header, payload]))
          },
          done: () => this.doneAt.push(name),
          breakOff: () => undefined,
        },
        ...(onOpen === undefined ? {} : { onOpen }),
      })
    this.a = end('a', this.#toB)
    this.b = end('b', this.#toA, protocol => {
      this.opened.push(protocol)
      this.b.accept()
    })
    this.#readers = {
      a: new StreamFrameReader(frame => this.a.take(frame)),
      b: new StreamFrameReader(frame => this.b.take(frame)),
    }
  }

  readonly #readers: Record<'a' | 'b', StreamFrameReader>

  /** Lets everything through that waits, and what follows from it. */
  async run(cut: (bytes: Uint8Array) => number = ({ length }) => length): Promise<void> {
    for (;;) {
      await settle()
      const moved = this.#move(this.#toA, 'a', cut) + this.#move(this.#toB, 'b', cut)
      if (moved === 0) return
    }
  }

  #move(waiting: Uint8Array[], to: 'a' | 'b', cut: (bytes: Uint8Array) => number): number {
    const bytes = waiting.shift()
    if (bytes === undefined) return 0
    for (let at = 0; at < bytes.length;) {
      const size = Math.max(1, cut(bytes))
      feed(this.#readers[to], bytes.slice(at, at + size), this[to])
      at += size
    }
    return bytes.length
  }
}

async function open(windowBytes?: number): Promise<Wire> {
  const wire = new Wire(windowBytes)
  const opening = wire.a.open('test')
  await wire.run()
  await opening
  return wire
}

test('whatever is written arrives, however it was cut, and both ends learn that they are done', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 6 }),
      fc.nat(),
      async (sizes, seed) => {
        const wire = await open()
        const random = new Prng(seed)
        const sent = sizes.map(size => random.bytes(size))
        void (async () => {
          for (const bytes of sent) await wire.a.write(bytes.slice())
          wire.a.end()
        })()
        const got: Uint8Array[] = []
        const reading = (async () => {
          for (let part = await wire.b.read(); part !== undefined; part = await wire.b.read())
            got.push(part)
          wire.b.end()
          return wire.a.read()
        })()
        const reader = reading.then(last => assert.equal(last, undefined))
        for (let turn = 0; turn < 100 && wire.doneAt.length < 2; turn++)
          await wire.run(({ length }) => 1 + random.below(length))
        await reader
        assert.deepEqual(wire.doneAt, ['b', 'a'])
        assert.deepEqual(concat(got), concat(sent))
        assert.deepEqual(wire.refused, [])
      },
    ),
    { numRuns: 30 },
  ))

test('a larger window is granted once the stream is open', async () => {
  const wire = await open(1_000_000)
  let written = 0
  void (async () => {
    for (;;) {
      await wire.a.write(new Uint8Array(10_000))
      written += 10_000
    }
  })().catch(() => undefined)
  await wire.run()
  assert.equal(written, 1_000_000)
})

test('a reader that has stopped reading is given up', async () => {
  const wire = await open()
  const writing = rejectsWith('TIMEOUT', wire.a.write(new Uint8Array(STREAM_WINDOW_BYTES + 1)))
  await wire.run()
  await wire.timers.advance(STREAM_PATIENCE_MS - 1)
  assert.deepEqual(wire.refused, [])
  await wire.timers.advance(1)
  await writing
  await wire.run()
  assert.deepEqual(wire.refused, ['slow-reader'])
  await rejectsWith('CLOSED', wire.b.read())
  assert.equal(wire.timers.pending, 0)
})

test('a reader that reads now and then is not', async () => {
  const wire = await open()
  const written: true[] = []
  void wire.a.write(new Uint8Array(STREAM_WINDOW_BYTES * 3)).then(() => written.push(true))
  for (let turn = 0; turn < 40 && written.length === 0; turn++) {
    await wire.run()
    await wire.timers.advance(STREAM_PATIENCE_MS / 2)
    void wire.b.read()
    await wire.run()
  }
  assert.equal(written.length, 1)
  assert.equal(wire.timers.pending, 0)
})

test('an end that was ended twice, or aborted after both ended, stays ended', async () => {
  const wire = await open()
  wire.a.end()
  wire.a.end()
  wire.b.end()
  await wire.run()
  wire.a.abort(new Error('late'))
  await wire.run()
  assert.equal(await wire.b.read(), undefined)
  assert.deepEqual(wire.doneAt, ['b', 'a'])
})
