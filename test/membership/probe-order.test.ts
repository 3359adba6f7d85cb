import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import { MemberTable } from '../../src/membership/member-table.ts'
import { ProbeOrder } from '../../src/membership/probe-order.ts'
import { noVitals } from '../../src/membership/vitals.ts'
import { Bench, only, record } from './support.ts'

const PERIOD_MS = 1_000
const namesOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `peer ${at}`)

/** The order of one of these, who learnt of the others in an order of its own. */
function orderOf(self: string, names: readonly string[]) {
  const random = new Prng(self.length)
  const table = new MemberTable(random)
  const others = random.shuffle(names.filter(name => name !== self))
  for (const name of others) table.add(record(name), 'alive', { sinceMs: 0, why: 'told' })
  return { table, order: new ProbeOrder(self, PERIOD_MS, table) }
}

/** When a slot begins for a peer. */
function beginningOf(slot: number, order: ProbeOrder): number {
  const phaseMs = (PERIOD_MS - order.latenessMs(0)) % PERIOD_MS
  return slot * PERIOD_MS + phaseMs
}

test('in each period everybody is probed by one other, and in a pass by each', () => {
  const inputs = [fc.integer({ min: 2, max: 40 }), fc.nat(2 ** 30)] as const
  const property = fc.property(...inputs, (count, pass) => {
    const names = namesOf(count)
    const peers = names.map(name => ({ name, ...orderOf(name, names) }))
    const pairs = new Set<string>()
    for (let turn = 0; turn < count - 1; turn++) {
      const slot = pass * (count - 1) + turn
      const probed = new Set<string>()
      for (const { name, order } of peers) {
        const peer = order.next(beginningOf(slot, order))?.peer ?? ''
        probed.add(peer)
        pairs.add(`${name} ${peer}`)
      }
      assert.equal(probed.size, count)
    }
    assert.equal(pairs.size, count * (count - 1))
  })
  fc.assert(property, { numRuns: 50 })
})

test('whatever the clock says, everybody comes within four passes', () => {
  const inputs = [fc.integer({ min: 2, max: 12 }), fc.array(fc.double(), { minLength: 1 })] as const
  const property = fc.property(...inputs, (count, clock) => {
    const { order } = orderOf('peer 0', namesOf(count))
    const turns = Array.from(
      { length: 12 * count },
      (_, turn) => order.next(clock[turn % clock.length] as number)?.peer,
    )
    const within = 4 * (count - 1)
    for (let from = 0; from + within <= turns.length; from++) {
      assert.equal(new Set(turns.slice(from, from + within)).size, count - 1)
    }
  })
  fc.assert(property, { numRuns: 300 })
})

test('a newcomer is among the next to be probed, and the dead are not', () => {
  const names = namesOf(6)
  const { order, table } = orderOf('peer 0', names)
  order.next(0)
  table.add(record('young'), 'alive', { sinceMs: 0, why: 'came' })
  const old = table.get('peer 3')
  assert.ok(old !== undefined)
  table.update(old, { state: 'dead' })
  const probed = Array.from({ length: 15 }, () => order.next(0)?.peer)
  assert.ok(probed.includes('young'))
  assert.ok(!probed.includes('peer 3'))
})

test('one who is alone probes nobody', () => {
  assert.equal(orderOf('peer 0', ['peer 0']).order.next(5), undefined)
})

test('no clock makes a period shorter or longer than by a twentieth', () => {
  const property = fc.property(fc.array(fc.double(), { minLength: 1 }), clock => {
    const bench = Bench.among(['a', 'b', 'c'])
    let readings = 0
    bench.wallMs = () => clock[readings++ % clock.length] as number
    const pingsMs: number[] = []
    for (let step = 0; step < 400; step++) {
      const pings = only(bench.advance(50), 'send').filter(({ message }) => message.type === 'ping')
      for (const { to, message } of pings) {
        if (message.type !== 'ping') continue
        const ack = { type: 'ack', seq: message.seq, vitals: noVitals, rumors: [] } as const
        bench.step({ type: 'datagram', from: to, message: ack })
        pingsMs.push(bench.nowMs)
      }
    }
    // Looked at every 50 ms.
    for (const [at, ms] of pingsMs.slice(1).entries()) {
      const gapMs = ms - (pingsMs[at] as number)
      assert.ok(gapMs >= 900 && gapMs <= 1_100, `${gapMs} ms`)
    }
    assert.ok(pingsMs.length >= 18)
  })
  fc.assert(property, { numRuns: 100 })
})
