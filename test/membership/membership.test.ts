import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isAccusation, type SyncMessage } from '../../src/membership/message.ts'
import { INCARNATION_MAX } from '../../src/membership/record.ts'
import { noVitals } from '../../src/membership/vitals.ts'
import { accusation, Bench, description, only, record, sent } from './support.ts'

const PEERS = ['a', 'b', 'c', 'd', 'e']
/** lan, six peers: the shortest suspicion is 4 s, half of it makes it ripe. */
const RIPE_MS = 2_000

test('the first effect of a start is to persist the incarnations it reserves', () => {
  const effects = new Bench().step({ type: 'start', ceiling: 128 })
  assert.deepEqual(effects[0], { type: 'persist', ceiling: 192 })
})

test('a start goes on above every incarnation ever reserved', () => {
  const bench = new Bench()
  bench.step({ type: 'start', ceiling: 128 })
  assert.equal(bench.incarnation(), 129)
})

test('nothing happens before the start', () => {
  assert.deepEqual(new Bench().ping('a'), [])
})

test('a record makes its peer known and tells consumers', () => {
  const bench = Bench.among([])
  const [change] = only(bench.hear('x', [record('a', 4)]), 'change')
  assert.deepEqual(change?.change, {
    kind: 'ALIVE',
    peer: 'a',
    incarnation: 4,
    why: 'heard of it',
  })
  assert.equal(bench.state('a'), 'alive')
})

test('the roster tells what peers say of themselves', () => {
  const bench = Bench.among(['a'])
  bench.ping('a')
  const [a, me] = bench.core.roster(bench.nowMs)
  assert.deepEqual({ ...a, ...description }, a)
  assert.deepEqual(a?.vitals, noVitals)
  assert.equal(me?.isSelf, true)
})

test('a ping is answered at once, with the same number', () => {
  const [ack] = only(Bench.among(PEERS).ping('a', 99), 'send')
  assert.equal(ack?.to, 'a')
  assert.equal(ack?.message.type === 'ack' && ack.message.seq, 99)
})

test('a silent peer is pinged, then asked for through three others, then suspected', () => {
  const bench = Bench.among(PEERS)
  const first = bench.advance(1_000)
  const pinged = only(first, 'send').find(({ message }) => message.type === 'ping')?.to ?? ''
  const rest = bench.advance(1_000)
  const helpers = sent([...first, ...rest]).filter(line => line.startsWith('ping-req'))
  assert.equal(new Set(helpers).size, 3)
  assert.ok(!helpers.includes(`ping-req ${pinged}`))
  assert.equal(bench.state(pinged), 'suspect')
})

test('an answer through a helper clears the probed peer', () => {
  const bench = Bench.among(PEERS)
  const pings = only(bench.advance(1_600), 'send')
  const request = pings.find(({ message }) => message.type === 'ping-req')
  assert.ok(request?.message.type === 'ping-req')
  const { seq, target } = request.message
  bench.step({ type: 'datagram', from: request.to, message: { type: 'relayed', seq } })
  bench.advance(400)
  assert.equal(bench.state(target), 'alive')
})

test('an answer by one who was not asked clears nobody', () => {
  const bench = Bench.among(PEERS)
  const request = only(bench.advance(1_600), 'send').find(
    ({ message }) => message.type === 'ping-req',
  )
  assert.ok(request?.message.type === 'ping-req')
  const { seq, target } = request.message
  bench.step({ type: 'datagram', from: target, message: { type: 'relayed', seq } })
  bench.advance(1_000)
  assert.equal(bench.state(target), 'suspect')
})

test('a helper pings, and tells when it gets no answer', () => {
  const bench = Bench.among(PEERS)
  const message = { type: 'ping-req', seq: 5, target: 'b' } as const
  assert.deepEqual(sent(bench.step({ type: 'datagram', from: 'a', message })), ['ping b'])
  assert.ok(sent(bench.advance(400)).includes('nack a'))
})

test('a helper passes the answer on', () => {
  const bench = Bench.among(PEERS)
  const message = { type: 'ping-req', seq: 5, target: 'b' } as const
  const [ping] = only(bench.step({ type: 'datagram', from: 'a', message }), 'send')
  assert.ok(ping?.message.type === 'ping')
  const ack = { type: 'ack', seq: ping.message.seq, vitals: noVitals, rumors: [] } as const
  const [relayed] = only(bench.step({ type: 'datagram', from: 'b', message: ack }), 'send')
  assert.deepEqual(relayed, { type: 'send', to: 'a', message: { type: 'relayed', seq: 5 } })
})

test('a helper pings no strangers', () => {
  const bench = Bench.among(PEERS)
  const message = { type: 'ping-req', seq: 5, target: 'stranger' } as const
  assert.deepEqual(sent(bench.step({ type: 'datagram', from: 'a', message })), [])
})

test('a peer that is accused refutes with a higher incarnation', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'me', { accuser: 'a' })])
  assert.equal(bench.incarnation(), 2)
})

test('an accusation of an incarnation this peer never had raises nothing', () => {
  const bench = Bench.among(PEERS)
  const effects = bench.hear('b', [accusation('dead', 'me', { accuser: 'b', incarnation: 900 })])
  assert.equal(bench.incarnation(), 1)
  assert.equal(only(effects, 'ask')[0]?.to, 'b')
})

test('a peer whose disk forgot its incarnation goes on above its own signed record', () => {
  const bench = Bench.among(PEERS)
  const effects = bench.hear('b', [record('me', 500)])
  assert.equal(bench.incarnation(), 501)
  assert.deepEqual(only(effects, 'persist'), [{ type: 'persist', ceiling: 512 }])
})

test('an incarnation never passes its bound', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [record('me', INCARNATION_MAX)])
  assert.equal(bench.incarnation(), 1)
})

test('a suspect that refutes is alive again', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  assert.equal(bench.state('a'), 'suspect')
  bench.hear('a', [record('a', 2)])
  assert.equal(bench.state('a'), 'alive')
})

test('a suspect that keeps silent is dead, and not alive again at that incarnation', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.advance(30_000)
  assert.equal(bench.state('a'), 'dead')
  bench.hear('a', [record('a', 1)])
  assert.equal(bench.state('a'), 'dead')
  bench.hear('a', [record('a', 2)])
  assert.equal(bench.state('a'), 'alive')
})

test('one who lies that a peer is dead makes it a suspect at most', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('dead', 'a', { accuser: 'b' })])
  bench.hear('b', [accusation('dead', 'a', { accuser: 'b' })])
  assert.equal(bench.state('a'), 'suspect')
})

test('a verdict counts once the suspicion is ripe', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.advance(RIPE_MS + 1)
  bench.hear('c', [accusation('dead', 'a', { accuser: 'c' })])
  assert.equal(bench.state('a'), 'dead')
})

test('hearsay of a verdict is no verdict, however ripe', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.advance(RIPE_MS + 1)
  bench.hear('c', [{ ...accusation('dead', 'a', { accuser: 'c' }), isHearsay: true }])
  assert.equal(bench.state('a'), 'suspect')
})

test('a verdict that only made a suspicion is told on as hearsay', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('dead', 'a', { accuser: 'b' })])
  const told = only(bench.advance(200), 'send').flatMap(({ message }) =>
    'rumors' in message ? message.rumors.filter(isAccusation) : [],
  )
  assert.ok(told.length > 0)
  assert.ok(told.every(({ isHearsay }) => isHearsay))
})

const forgeries = [
  ['a record', { ...record('a', 9), signature: new Uint8Array(64) }],
  [
    'an accusation in the name of another',
    accusation('suspect', 'a', { accuser: 'c', signer: 'b' }),
  ],
] as const
for (const [what, rumor] of forgeries) {
  test(`${what} that was forged is refused, and its teller not believed for a minute`, () => {
    const bench = Bench.among(PEERS)
    const effects = bench.hear('b', [rumor, record('new')])
    assert.equal(only(effects, 'refused')[0]?.from, 'b')
    assert.equal(bench.state('a'), 'alive')
    assert.equal(bench.state('new'), undefined)
    bench.advance(60_001)
    bench.hear('b', [record('new')])
    assert.equal(bench.state('new'), 'alive')
  })
}

test('an accuser nobody knows accuses nobody', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'invented' })])
  assert.equal(bench.state('a'), 'alive')
})

test('an accusation of an unknown peer changes nothing but a question', () => {
  const bench = Bench.among(PEERS)
  const effects = bench.hear('b', [accusation('dead', 'unknown', { accuser: 'b' })])
  assert.equal(bench.state('unknown'), undefined)
  assert.equal(only(effects, 'ask')[0]?.question.type, 'digest')
})

test('an accusation of a future incarnation changes nothing but a question', () => {
  const bench = Bench.among(PEERS)
  const effects = bench.hear('b', [accusation('suspect', 'a', { accuser: 'b', incarnation: 8 })])
  assert.equal(bench.state('a'), 'alive')
  assert.equal(only(effects, 'ask').length, 1)
})

test('questions that a liar provokes are one each period', () => {
  const bench = Bench.among(PEERS)
  const lies = Array.from({ length: 30 }, (_, at) => accusation('dead', `x${at}`, { accuser: 'b' }))
  assert.equal(only(bench.hear('b', lies), 'ask').length, 1)
})

test('who accuses what was refuted long ago is told of the refutation', () => {
  const bench = Bench.among(PEERS)
  bench.hear('a', [record('a', 5)])
  const [answer] = only(bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })]), 'send')
  assert.equal(answer?.to, 'b')
  assert.deepEqual(answer?.message.type === 'gossip' && answer.message.rumors, [record('a', 5)])
})

test('one who is held dead and speaks is told so, with its record', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.advance(30_000)
  const [ack] = only(bench.ping('a'), 'send')
  assert.ok(ack?.message.type === 'ack')
  const [own, word] = ack.message.rumors
  assert.deepEqual(own, record('a'))
  assert.ok(word !== undefined && isAccusation(word) && word.kind === 'dead')
})

test('a suspect hears of the suspicion in the next message to it', () => {
  const bench = Bench.among(PEERS)
  const word = accusation('suspect', 'a', { accuser: 'b' })
  bench.hear('b', [word])
  const [ack] = only(bench.ping('a'), 'send')
  assert.deepEqual(ack?.message.type === 'ack' && ack.message.rumors[0], word)
})

test('a stranger that pings is asked who it is', () => {
  assert.equal(only(Bench.among(PEERS).ping('stranger'), 'ask')[0]?.to, 'stranger')
})

test('a peer that is not admitted is not believed in', () => {
  const bench = Bench.among(PEERS, { admits: peer => peer !== 'banned' })
  bench.hear('a', [record('banned')])
  assert.equal(bench.state('banned'), undefined)
  assert.equal(only(bench.ping('banned'), 'ask').length, 0)
})

test('a peer that is expelled is gone from the roster', () => {
  const bench = Bench.among(PEERS)
  bench.step({ type: 'expel', peer: 'a' })
  assert.equal(bench.state('a'), undefined)
})

test('a stall of the event loop blames nobody', () => {
  const bench = Bench.among(PEERS)
  bench.advance(1_000)
  bench.nowMs += 5_000
  bench.step({ type: 'wake', wallMs: 0 })
  assert.deepEqual(
    PEERS.filter(peer => bench.state(peer) !== 'alive'),
    [],
  )
  assert.equal(bench.core.peer('me', bench.nowMs)?.vitals?.health, 2)
})

test('a verdict due during a stall waits for a refutation first', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.nowMs += 60_000
  bench.step({ type: 'wake', wallMs: 0 })
  assert.equal(bench.state('a'), 'suspect')
  bench.hear('a', [record('a', 2)])
  assert.equal(bench.state('a'), 'alive')
})

test('a peer the network lost is probed next', () => {
  for (const lost of PEERS) {
    const bench = Bench.among(PEERS)
    bench.step({ type: 'disconnected', peer: lost })
    const pings = sent(bench.advance(1_000)).filter(line => line.startsWith('ping '))
    assert.equal(pings[0], `ping ${lost}`)
  }
})

test('a newcomer is left to those who are connected with it for twenty periods', () => {
  const bench = Bench.among(PEERS)
  for (const peer of ['a', 'b']) bench.step({ type: 'connected', peer })
  const pingedIn = (ms: number): string[] => {
    const pinged: string[] = []
    for (const endMs = bench.nowMs + ms; bench.nowMs < endMs;) {
      for (const { to, message } of only(bench.advance(100), 'send')) {
        if (message.type !== 'ping') continue
        const ack = { type: 'ack', seq: message.seq, vitals: noVitals, rumors: [] } as const
        bench.step({ type: 'datagram', from: to, message: ack })
        pinged.push(to)
      }
    }
    return pinged
  }
  const early = pingedIn(19_000)
  assert.ok(early.length > 15)
  assert.deepEqual([...new Set(early)].toSorted(), ['a', 'b'])
  assert.equal(new Set(pingedIn(20_000)).size, PEERS.length)
})

test('a newcomer that is suspected is probed by everybody', () => {
  const bench = Bench.among(PEERS)
  for (const peer of ['a', 'b']) bench.step({ type: 'connected', peer })
  bench.hear('b', [accusation('suspect', 'c', { accuser: 'b' })])
  assert.ok(sent(bench.advance(8_000)).includes('ping c'))
})

test('rumours go along connections, and anywhere where there are none', () => {
  const toldOf = (connected: readonly string[]): Set<string> => {
    const bench = Bench.among(PEERS)
    for (const peer of connected) bench.step({ type: 'connected', peer })
    const heard = bench.hear('a', [record('x')])
    const lines = sent([...heard, ...bench.advance(2_000)])
    return new Set(lines.filter(line => line.startsWith('gossip ')))
  }
  assert.deepEqual(toldOf(['a']), new Set(['gossip a']))
  assert.ok(toldOf([]).size > 1)
})

test('a farewell is told for a second at least, and then nothing more', () => {
  const bench = Bench.among(PEERS)
  bench.step({ type: 'leave' })
  const effects = bench.advance(3_000)
  const told = only(effects, 'send').flatMap(({ message }) =>
    'rumors' in message ? message.rumors : [],
  )
  assert.ok(told.some(rumor => !isAccusation(rumor) && rumor.peer === 'me' && rumor.isLeft))
  assert.equal(effects.at(-1)?.type, 'left')
  assert.deepEqual(bench.ping('a'), [])
})

test('one who left is no suspect', () => {
  const bench = Bench.among(PEERS)
  bench.hear('a', [record('a', 2, true)])
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b', incarnation: 2 })])
  assert.equal(bench.state('a'), 'left')
})

test('a description that changed is a new incarnation', () => {
  const bench = Bench.among(PEERS)
  bench.step({ type: 'describe', description: { ...description, zone: 'rack-2' } })
  assert.equal(bench.incarnation(), 2)
  assert.equal(bench.core.peer('me', 0)?.zone, 'rack-2')
})

test('how a peer is doing changes without a new incarnation', () => {
  const bench = Bench.among(PEERS)
  bench.step({ type: 'vitals', vitals: { ...noVitals, load: 1, usedBytes: 77 } })
  const [ack] = only(bench.ping('a'), 'send')
  assert.equal(ack?.message.type === 'ack' && ack.message.vitals.usedBytes, 77)
  assert.equal(bench.incarnation(), 1)
})

/** What `bench` answers to a question. */
function answerTo(bench: Bench, from: string, question: SyncMessage): SyncMessage | undefined {
  return only(bench.step({ type: 'asked', from, token: 1, question }), 'answer')[0]?.answer
}

test('two who know the same find that out by hashes alone', () => {
  const bench = Bench.among(PEERS)
  const [ask] = only(bench.step({ type: 'join', peers: ['a'] }), 'ask')
  assert.ok(ask?.question.type === 'digest')
  const answer = answerTo(bench, 'a', { ...ask.question, own: record('a') })
  assert.equal(answer?.type, 'same')
})

test('a newcomer learns of everybody by one question, and is known by it', () => {
  const old = Bench.among(PEERS)
  const young = new Bench({ self: 'a' })
  young.step({ type: 'start', ceiling: 0 })
  const [ask] = only(young.step({ type: 'join', peers: ['me'] }), 'ask')
  assert.ok(ask !== undefined)
  const answer = answerTo(old, 'a', { ...ask.question, own: record('a', 3) })
  assert.ok(answer !== undefined)
  young.step({ type: 'answered', from: 'me', answer })
  for (const peer of ['me', 'b', 'c', 'd', 'e']) assert.equal(young.state(peer), 'alive', peer)
  assert.equal(old.core.peer('a', 0)?.incarnation, 3)
})

test('a death learnt by comparing is a suspicion only', () => {
  const bench = Bench.among(PEERS)
  const word = accusation('dead', 'a', { accuser: 'b' })
  const entries = [{ record: record('a'), accusation: word, ageMs: 0 }]
  answerTo(bench, 'b', { type: 'entries', own: record('b'), entries })
  assert.equal(bench.state('a'), 'suspect')
})

test('one long dead that was never known here is remembered as dead, for the rest of its time', () => {
  const bench = Bench.among(PEERS)
  const word = accusation('dead', 'old', { accuser: 'b' })
  const entries = [{ record: record('old'), accusation: word, ageMs: 3_600_000 }]
  answerTo(bench, 'b', { type: 'entries', own: record('b'), entries })
  assert.equal(bench.state('old'), 'dead')
  bench.advance(23.1 * 3_600_000)
  assert.equal(bench.state('old'), undefined)
})

/** How many questions are asked in so long, each in vain. */
function questionsIn(bench: Bench, ms: number): number {
  let questions = 0
  for (const untilMs = bench.nowMs + ms; bench.nowMs < untilMs;) {
    for (const { to } of only(bench.advance(100), 'ask')) {
      questions++
      bench.step({ type: 'unanswered', from: to })
    }
  }
  return questions
}

test('who sees the dead return compares every few periods for a while', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  questionsIn(bench, 120_000)
  assert.equal(bench.state('a'), 'dead')
  // All are dead to one who hears no answers; it is no return that makes it ask them.
  for (const peer of PEERS) bench.hear(peer, [record(peer, 2)])
  assert.ok(questionsIn(bench, 15_000) >= 3)
})

test('one who asks and is held dead learns of it from the answer', () => {
  const bench = Bench.among(PEERS)
  bench.hear('b', [accusation('suspect', 'a', { accuser: 'b' })])
  bench.advance(30_000)
  const asker = new Bench({ self: 'a' })
  asker.step({ type: 'start', ceiling: 0 })
  const [ask] = only(asker.step({ type: 'join', peers: ['me'] }), 'ask')
  assert.ok(ask !== undefined)
  const answer = answerTo(bench, 'a', { ...ask.question, own: record('a') })
  assert.ok(answer !== undefined)
  const [push] = only(asker.step({ type: 'answered', from: 'me', answer }), 'ask')
  assert.equal(push?.question.own.incarnation, asker.core.peer('a', 0)?.incarnation)
  assert.equal(push?.question.own.incarnation, 2)
})
