import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { PeerId } from '../../../src/base/environment.ts'
import type { PeerState } from '../../../src/membership/core-types.ts'
import type { RosterEntry } from '../../../src/membership/roster.ts'
import { noVitals } from '../../../src/membership/vitals.ts'
import type { Members } from '../../../src/node/admission/member-book.ts'
import { SeatService } from '../../../src/node/store/seat-service.ts'
import { DRAINS_PREFIX } from '../../../src/node/store/seats.ts'
import { GROUP, MapGroup, NAMES } from '../consensus/map-group.ts'

/** Seats on the three peers of a group, of a network with some more members. */
class Town {
  readonly group = new MapGroup(9, 1_000)
  readonly members = new Map<PeerId, 'member' | 'banned'>()
  readonly states = new Map<PeerId, PeerState>()
  readonly seats = new Map<PeerId, SeatService>()
  /** Who believes to lead beside the one that does. */
  readonly pretenders = new Set<PeerId>()

  play(body: () => Promise<void>): Promise<void> {
    return this.group.world.play(async () => {
      await this.group.found()
      for (const name of NAMES) this.open(name)
      await body()
    })
  }

  open(name: PeerId): void {
    const { world } = this.group
    const clock = { monotonicMs: () => world.nowMs, wallMs: () => world.nowMs }
    const timers = { after: (ms: number, callback: () => void) => world.schedule(ms, callback) }
    const seats = new SeatService({
      self: name,
      environment: { clock, timers },
      kv: this.group.client(name),
      book: this.#book(),
      membership: {
        roster: () => [],
        peer: peer => entryOf(this.states.get(peer)),
        onChange: () => () => undefined,
      },
      leads: () => this.pretenders.has(name) || this.#leads(name),
      usage: () => ({ usedBytes: 10, limitBytes: 110, isReadonly: false, fragments: 1 }),
      onFailure: error => world.fail(error),
    })
    this.seats.set(name, seats)
  }

  of(name: PeerId): SeatService {
    return this.seats.get(name) as SeatService
  }

  #leads(name: PeerId): boolean {
    const group = this.group.node(name).group(GROUP)
    return group !== undefined && group.leader === group.replica
  }

  #book(): Members {
    return {
      records: () =>
        [...this.members.keys()].map(peer => ({
          kind: 'revocation',
          peer,
          serial: 1,
          atMs: 0,
        })),
      statusOf: peer => {
        const state = this.members.get(peer) ?? 'unknown'
        if (state === 'member') return { state, certificate: certificateOf(peer) }
        if (state === 'banned') {
          return { state, revocation: { kind: 'revocation', peer, serial: 1, atMs: 0 } }
        }
        return { state: 'unknown' }
      },
      onChange: () => undefined,
    }
  }
}

const certificateOf = (peer: PeerId) =>
  ({
    kind: 'certificate',
    peer,
    role: 'full',
    zone: `zone of ${peer}`,
    serial: 1,
    notAfterMs: 0,
  }) as const

const entryOf = (state: PeerState | undefined): RosterEntry | undefined =>
  state && ({ state, vitals: { ...noVitals, usedBytes: 5, freeBytes: 45 } } as RosterEntry)

test('every member gets a number of its own, for good, and all peers know it', async () => {
  const town = new Town()
  await town.play(async () => {
    for (const name of ['a', 'b', 'c', 'd']) town.members.set(name, 'member')
    const own = await town.of('b').own()
    await town.group.world.sleep(2_000)
    const numbers = ['a', 'b', 'c', 'd'].map(name => town.of('a').seatOf(name))
    assert.deepEqual(
      numbers.toSorted((a = 0, b = 0) => a - b),
      [1, 2, 3, 4],
    )
    assert.equal(own, numbers[1])
    for (const name of NAMES) {
      assert.deepEqual(
        ['a', 'b', 'c', 'd'].map(each => town.of(name).seatOf(each)),
        numbers,
      )
      assert.equal(town.of(name).peerAt(own), 'b')
    }
    town.members.set('d', 'banned')
    town.members.set('e', 'member')
    await town.group.world.sleep(2_000)
    assert.equal(town.of('c').seatOf('e'), 5, 'the number of a banned peer is not given away')
  })
})

test('several who believe to lead give no number twice, and no peer two', async () => {
  const town = new Town()
  await town.play(async () => {
    const names = Array.from({ length: 20 }, (_, at) => `peer ${at}`)
    for (const name of NAMES) town.pretenders.add(name)
    for (const name of names) {
      town.members.set(name, 'member')
      await town.group.world.sleep(100)
    }
    await town.group.world.sleep(5_000)
    const { entries } = await town.group.client('a').list('seats/')
    assert.equal(entries.length, names.length)
    const numbers = names.map(name => town.of('a').seatOf(name))
    assert.equal(new Set(numbers).size, names.length)
    assert.deepEqual(
      numbers,
      names.map(name => town.of('c').seatOf(name)),
    )
  })
})

test('views say what roster, member table, drains and the own store know', async () => {
  const town = new Town()
  await town.play(async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) town.members.set(name, 'member')
    town.states.set('b', 'alive').set('c', 'suspect').set('d', 'left')
    await town.group.world.sleep(3_000)
    const viewOf = (name: PeerId) =>
      town
        .of('a')
        .views()
        .find(({ seat }) => seat === town.of('a').seatOf(name))
    const [seatOfA, seatOfB] = ['a', 'b'].map(name => town.of('a').seatOf(name)) as [number, number]
    const own = { seat: seatOfA, state: 'alive', zone: 'zone of a' }
    assert.deepEqual(viewOf('a'), { ...own, freeBytes: 100, capacityBytes: 110 })
    const other = { seat: seatOfB, zone: 'zone of b', freeBytes: 45, capacityBytes: 50 }
    assert.deepEqual(viewOf('b'), { ...other, state: 'alive' })
    assert.equal(viewOf('c')?.state, 'suspect')
    assert.equal(viewOf('d')?.state, 'dead')
    assert.equal(viewOf('e')?.state, 'suspect', 'nobody has heard of it yet')
    let told = 0
    const stop = town.of('c').onChange(() => told++)
    await town.group.client('c').put(`${DRAINS_PREFIX}b`, new Uint8Array(1))
    await town.group.world.sleep(1_000)
    assert.equal(viewOf('b')?.state, 'draining')
    assert.equal(told, 1)
    stop()
    await town.group.client('a').delete(`${DRAINS_PREFIX}b`)
    town.members.set('c', 'banned')
    await town.group.world.sleep(30_000)
    assert.equal(viewOf('b')?.state, 'alive')
    assert.equal(viewOf('c')?.state, 'gone')
    assert.equal(viewOf('e')?.state, 'dead')
  })
})

test('who waits for the own number is told when seats are closed', async () => {
  const town = new Town()
  await town.play(async () => {
    const waiting = assert.rejects(town.of('a').own(), /seats are closed/)
    await town.of('a').close()
    await waiting
  })
})
