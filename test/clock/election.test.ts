import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { areMostFar, electionsOf, electorsOf, markAnswered } from '../../src/clock/election.ts'
import { Source } from '../../src/clock/source.ts'
import type { Basis, Status } from '../../src/clock/status.ts'

const answered = (source: Source, correctionMs: number, status: Status, basis: Basis): Source => {
  const sample = { atMs: 0, correctionMs, delayMs: 1, errorMs: 1 }
  source.answer(sample, { status, basis, rootAgeMs: 0 })
  return source
}

/** `u`: knows UTC, `n`: keeps time with the others, `i`: knows nothing yet, `-`: silent. */
const peersOf = (letters: string): Source[] =>
  letters.split('').map((letter, at) => {
    const peer = new Source('peer', `p${at}`)
    if (letter === '-') return peer
    return answered(peer, 0, letter === 'i' ? 'INIT' : 'SYNCED', letter === 'u' ? 'utc' : 'network')
  })

const serversOf = (letters: string): Source[] =>
  letters.split('').map((letter, at) => {
    const server = new Source('server', `s${at}`)
    return letter === '-' ? server : answered(server, 0, 'SYNCED', 'utc')
  })

/** Voices and liars with the peers, then among the servers alone. */
const elections = [
  ['sss', 'uuuu', [7, 3], [3, 1]],
  ['sss', 'uunn', undefined, [3, 1]],
  ['sss', '', undefined, [3, 1]],
  ['s--', 'uuu-', [4, 3], [1, 1]],
  ['', 'uuun', [3, 2], [0, 0]],
  ['', 'un', undefined, [0, 0]],
  ['', 'uu', [2, 1], [0, 0]],
  ['', 'iiii', undefined, [0, 0]],
] as const
for (const [servers, peers, all, inner] of elections) {
  test(`servers '${servers}' and peers '${peers}' elect`, () => {
    const found = electionsOf(serversOf(servers), peersOf(peers), 0)
    const counts = [found.all, found.inner].map(each => each && [each.voices.length, each.liars])
    assert.deepEqual(counts, [all, inner])
  })
}

describe('time among peers', () => {
  const cases = [
    ['one that has agreed looks at those who have', 'nnnn', true, 4, true],
    ['one that has agreed looks at all where those are too few', 'nnni', true, 4, true],
    ['one that has agreed is not led by too few', 'nii-', true, undefined, undefined],
    ['a newcomer follows enough of them', 'nnn', false, 3, false],
    ['a newcomer counts itself where they are too few', 'nnii', false, 4, true],
    ['newcomers agree together', 'iiii', false, 4, true],
    ['too few answers outvote no liars', 'ii--', false, undefined, undefined],
    ['of two, the newcomer follows', 'n', false, 1, false],
  ] as const
  for (const [what, peers, isTrusted, voices, isOwnCounted] of cases) {
    test(what, () => {
      const electors = electorsOf(peersOf(peers), 0, isTrusted)
      assert.deepEqual([electors?.voices.length, electors?.isOwnCounted], [voices, isOwnCounted])
    })
  }
})

test('one whose timestamps were rejected has no voice', () => {
  const peers = peersOf('uuu')
  for (let times = 0; times < 3; times++) peers[0]?.rejected(0)
  assert.equal(electionsOf([], peers, 0).all?.voices.length, 2)
  assert.equal(electorsOf(peers, 0, true)?.voices.length, 2)
  markAnswered(peers, 0)
  assert.deepEqual(
    peers.map(({ verdict }) => verdict),
    ['excluded', 'surplus', 'surplus'],
  )
})

test('most are far only if a majority with this clock is', () => {
  const at = (correctionMs: number) =>
    answered(new Source('peer', 'p'), correctionMs, 'SYNCED', 'utc')
  assert.ok(areMostFar([at(500), at(-500)], 0, 400))
  assert.ok(!areMostFar([at(500), at(0)], 0, 400))
  assert.ok(!areMostFar([at(500)], 0, 400))
  assert.ok(!areMostFar([at(400), at(400)], 0, 400))
})
