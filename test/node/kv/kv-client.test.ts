import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { HoldfastError } from '../../../src/base/errors.ts'
import { encodeKvAnswer, type KvEntry } from '../../../src/consensus/kv-command.ts'
import { KvMachine } from '../../../src/consensus/kv-machine.ts'
import { encodeSessionReply, type SessionReply } from '../../../src/consensus/session-command.ts'
import { SessionMachine } from '../../../src/consensus/session-machine.ts'
import { SESSION_WINDOW } from '../../../src/consensus/sessions.ts'
import type { GroupReach } from '../../../src/node/consensus/group-reach.ts'
import { KvClient } from '../../../src/node/kv/kv-client.ts'
import { checkHistory } from '../../sim/linearizability/checker.ts'
import { type Action, HistoryRecorder, type Outcome } from '../../sim/linearizability/history.ts'
import { GROUP, MapGroup, NAMES } from '../consensus/map-group.ts'

const text = (entry: KvEntry | undefined): string | undefined => entry && toUtf8(entry.value)

test('what one peer writes another reads, and a watch tells of it', async () => {
  const group = new MapGroup(3, 1_000)
  await group.world.play(async () => {
    await group.found()
    const [a, b] = [group.client('a'), group.client('b')]
    const revision = await a.put('k', fromUtf8('x'))
    assert.equal(text(await b.get('k')), 'x')
    const written = await b.cas({
      key: 'k',
      expected: { type: 'revision', revision },
      value: fromUtf8('y'),
    })
    assert.equal(written.type, 'written')
    const conflict = await a.cas({ key: 'k', expected: { type: 'absent' }, value: undefined })
    assert.ok(conflict.type === 'conflict')
    assert.equal(text(conflict.entry), 'y')
    assert.equal(await a.delete('k'), true)
    assert.equal(await a.delete('k'), false)
    const told: (string | undefined)[] = []
    for await (const { value } of group.client('c').watch('k', 0)) {
      told.push(value && toUtf8(value))
      if (told.length === 3) break
    }
    assert.deepEqual(told, ['x', 'y', undefined])
  })
})

test('a peer without a replica reads, writes and watches through the others', async () => {
  const group = new MapGroup(6, 1_000)
  await group.world.play(async () => {
    await group.found()
    group.addGuest('guest')
    await group.world.sleep(1_000)
    const guest = group.client('guest')
    const revision = await guest.put('k', fromUtf8('x'))
    assert.equal(text(await group.client('a').get('k')), 'x')
    group.peer('a').crash('process')
    await group.world.sleep(3_000)
    assert.equal(text(await guest.get('k')), 'x')
    const later = await guest.put('k', fromUtf8('y'))
    assert.ok(later > revision)
    for await (const { revision: told } of guest.watch('k', revision)) {
      assert.equal(told, later)
      break
    }
  })
})

test('without a majority a write ends in time with a clear error', async () => {
  const group = new MapGroup(4, 1_000)
  await group.world.play(async () => {
    await group.found()
    await group.put('a', 'k')
    for (const name of ['b', 'c']) group.peer(name).crash('process')
    await group.world.sleep(5_000)
    const startMs = group.world.nowMs
    const write = group.client('a').put('k', fromUtf8('y'), { deadlineMs: 2_000 })
    await assert.rejects(write, error => codeOf(error) === 'NO_QUORUM')
    const read = group.client('a').get('k', { deadlineMs: 2_000 })
    await assert.rejects(read, error => codeOf(error) === 'NO_QUORUM')
    assert.ok(group.world.nowMs - startMs < 5_000)
  })
})

for (const seed of [1, 2, 3, 4, 5]) {
  test(`clients on peers that crash and part see one history (${seed})`, async () => {
    const group = new MapGroup(seed, 30)
    const { world } = group
    const random = world.random.fork('clients')
    const recorder = new HistoryRecorder()
    const over = new AbortController()
    let settled = 0
    await world.play(async () => {
      await group.found()
      group.addGuest('guest')
      await world.sleep(1_000)
      const work = [...NAMES, 'guest'].map(async name => {
        for (let at = 0; !over.signal.aborted; at++) {
          await world.sleep(random.exponential(60))
          if (group.peer(name).isRunning && (await operate(name, `${name}${at}`))) settled++
        }
      })
      for (let round = 0; round < 12; round++) {
        await world.sleep(random.exponential(1_500))
        await disturb(random.pick(NAMES))
      }
      await world.sleep(5_000)
      over.abort()
      await Promise.all(work)
    })
    const verdict = checkHistory(recorder.operations)
    assert.equal(verdict.type, 'linearizable', JSON.stringify(verdict))
    assert.ok(settled > 150, `${settled} operations were done`)

    async function disturb(name: string): Promise<void> {
      const others = NAMES.filter(other => other !== name)
      const kind = random.below(3)
      if (kind === 0) world.network.partition([name], others)
      if (kind === 1) group.peer(name).crash(random.chance(0.5) ? 'power' : 'process')
      if (kind === 2) group.peer(name).pause()
      await world.sleep(random.exponential(1_500))
      world.network.heal()
      group.peer(name).resume()
      if (!group.peer(name).isRunning) group.start(name)
    }

    async function operate(name: string, value: string): Promise<boolean> {
      const client = group.client(name)
      const key = random.pick(['k', 'l'])
      const action: Action = random.chance(0.5) ? { type: 'get' } : { type: 'put', value }
      const settle = recorder.call({ client: name, key, action }, world.nowMs)
      const gone = world.sleep(10_000).then(() => ({ type: 'unknown' }) as const)
      // A peer that dies never answers: nobody ever learns the outcome.
      const outcome = await Promise.race([run(client, key, action), gone])
      settle(outcome, world.nowMs)
      return outcome.type === 'written' || outcome.type === 'found'
    }

    async function run(client: KvClient, key: string, action: Action): Promise<Outcome> {
      try {
        if (action.type === 'put') {
          const value = fromUtf8(action.value)
          return { type: 'written', revision: await client.put(key, value, { deadlineMs: 3_000 }) }
        }
        const entry = await client.get(key, { deadlineMs: 3_000 })
        return { type: 'found', value: text(entry), ...(entry && { revision: entry.revision }) }
      } catch (error) {
        const isRefused = ['NO_QUORUM', 'BUSY', 'GROUP_UNKNOWN'].includes(codeOf(error) ?? '')
        if (codeOf(error) === undefined) throw error
        return { type: isRefused ? 'refused' : 'unknown' }
      }
    }
  })
}

/** A group that answers as it is told, one answer for each attempt. */
function scripted(answers: (SessionReply | 'OUTCOME_UNKNOWN' | 'NO_QUORUM')[]): GroupReach {
  return {
    propose: async () => {
      const answer = answers.shift()
      if (answer === undefined || answer === 'NO_QUORUM') {
        throw new HoldfastError('no', { code: 'NO_QUORUM', group: GROUP, afterMs: 1 })
      }
      if (answer === 'OUTCOME_UNKNOWN') {
        throw new HoldfastError('?', { code: 'OUTCOME_UNKNOWN', group: GROUP, reason: 'lost' })
      }
      return encodeSessionReply(answer)
    },
    query: async () => new Uint8Array(),
    queryStale: question => new SessionMachine(new KvMachine()).query(question),
  }
}

const registered = { type: 'registered', session: 9 } as const
const done = { type: 'done', payload: encodeKvAnswer({ type: 'written', revision: 4 }) } as const
const full = { type: 'done', payload: encodeKvAnswer({ type: 'refused', reason: 'keys' }) } as const
const scripts = [
  ['is done at once', [registered, done], 4],
  ['is done at the second attempt', [registered, 'OUTCOME_UNKNOWN', done], 4],
  [
    'is done in a new session when the old has ended',
    [registered, { type: 'expired' }, registered, done],
    4,
  ],
  [
    'is unknown when its session ended in between',
    [registered, 'OUTCOME_UNKNOWN', { type: 'expired' }],
    'OUTCOME_UNKNOWN',
  ],
  ['is not done when there never was a majority', [], 'NO_QUORUM'],
  [
    'is not done when only the registration is unknown',
    ['OUTCOME_UNKNOWN', registered],
    'NO_QUORUM',
  ],
  [
    'is unknown when the majority was lost in between',
    [registered, 'OUTCOME_UNKNOWN'],
    'OUTCOME_UNKNOWN',
  ],
  ['is refused when the map is full', [registered, full], 'MAP_FULL'],
] as const
for (const [what, answers, wanted] of scripts) {
  test(`a write ${what}`, async () => {
    const { world } = new MapGroup(1, 1_000)
    await world.play(async () => {
      const client = new KvClient({
        group: scripted([...answers]),
        clock: { monotonicMs: () => world.nowMs, wallMs: () => world.nowMs },
        timers: { after: (ms, callback) => world.schedule(ms, callback) },
      })
      const outcome = await client
        .put('k', fromUtf8('x'), { deadlineMs: 500 })
        .catch((error: unknown) => codeOf(error))
      assert.equal(outcome, wanted)
    })
  })
}

test('writes that a session cannot bear at once wait for their turn, until their time is over', async () => {
  const { world } = new MapGroup(1, 1_000)
  await world.play(async () => {
    const stuck = Promise.withResolvers<void>()
    let begun = 0
    const answers = scripted([registered])
    const client = new KvClient({
      group: {
        ...answers,
        propose: async (command, options) => {
          if (begun++ === 0) return answers.propose(command, options)
          await stuck.promise
          return encodeSessionReply(done)
        },
      },
      clock: { monotonicMs: () => world.nowMs, wallMs: () => world.nowMs },
      timers: { after: (ms, callback) => world.schedule(ms, callback) },
    })
    const put = (deadlineMs: number): Promise<number> =>
      client.put('k', fromUtf8('x'), { deadlineMs })
    const all = Array.from({ length: SESSION_WINDOW / 2 + 20 }, () => put(60_000))
    await world.sleep(1_000)
    assert.equal(begun, 1 + SESSION_WINDOW / 2)
    await assert.rejects(put(500), error => codeOf(error) === 'BUSY')
    stuck.resolve()
    assert.deepEqual(new Set(await Promise.all(all)), new Set([4]))
  })
})
