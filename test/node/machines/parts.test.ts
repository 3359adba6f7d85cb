import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { withoutChance } from '../../../src/node/machines/determinism.ts'
import { MachineCensus } from '../../../src/node/machines/machine-census.ts'
import {
  checkNames,
  groupOfMachine,
  isGroupOf,
  isMachineGroup,
} from '../../../src/node/machines/machine-names.ts'
import { failsWith } from '../../support/expect.ts'

describe('while a reducer runs', () => {
  const forbidden: Record<string, () => unknown> = {
    'Date.now': () => Date.now(),
    'new Date': () => new Date(),
    Date: () => Date(),
    'Math.random': () => Math.random(),
    performance: () => performance.now(),
    crypto: () => crypto.randomUUID(),
    hrtime: () => process.hrtime(),
    setTimeout: () => setTimeout(() => undefined, 0),
    queueMicrotask: () => queueMicrotask(() => undefined),
    fetch: () => fetch('http://127.0.0.1'),
  }
  for (const [name, use] of Object.entries(forbidden)) {
    test(`${name} is refused, and is there again afterwards`, () => {
      failsWith('NOT_DETERMINISTIC', () => withoutChance(use))
      assert.ok(Date.now() > 0 && Math.random() >= 0 && performance.now() > 0)
      assert.equal(crypto.randomUUID().length, 36)
    })
  }

  test('dates are arithmetic all the same', () => {
    const text = withoutChance(() => new Date(0).toISOString())
    assert.equal(text, '1970-01-01T00:00:00.000Z')
    assert.ok(withoutChance(() => new Date(5) instanceof Date))
  })
})

describe('the group of a machine', () => {
  test('follows from its name, and is none of the catalog', () => {
    const groups = [0, 1, 63].map(attempt => groupOfMachine('payments', attempt))
    for (const group of groups) {
      assert.ok(isMachineGroup(group) && group < 2 ** 32)
      assert.ok(isGroupOf('payments', group))
      assert.ok(!isGroupOf('bank', group))
    }
    assert.equal(new Set(groups).size, 3)
    assert.ok(!isMachineGroup(65_535))
  })

  test('names that are none are refused', () => {
    for (const name of ['', 'Payments', '1st', 'a/b', 'x'.repeat(64)]) {
      assert.throws(() => checkNames([name]), RangeError)
    }
    checkNames(['a', 'payments-2', 'x'.repeat(63)])
  })
})

describe('a replica that differs from other voters', () => {
  const own = { index: 7, hash: 'own' }
  const hashes = new Map([[7, 'own']])

  /** What the others said: the same, another state, or nothing. */
  const cases: [string[], 'fine' | 'reported' | 'stops'][] = [
    [[], 'fine'],
    [['same', 'same'], 'fine'],
    [['same', 'silent'], 'fine'],
    [['other'], 'stops'],
    [['other', 'other'], 'stops'],
    [['other', 'same'], 'reported'],
    [['other', 'silent'], 'reported'],
    [['other', 'same', 'silent', 'silent'], 'reported'],
    [['other', 'other', 'same', 'same'], 'reported'],
    [['other', 'other', 'other', 'silent'], 'stops'],
    [['other', 'other', 'silent', 'silent'], 'reported'],
    [['other', 'other', 'other', 'same'], 'stops'],
  ]
  for (const [words, expected] of cases) {
    test(`${expected} where others say: ${words.join(', ') || 'nothing'}`, () => {
      const census = new MachineCensus()
      const peers = words.map((_, at) => `p${at}`)
      for (const [at, word] of words.entries()) {
        if (word === 'silent') continue
        const mark = { index: 7, hash: word === 'same' ? 'own' : 'other' }
        census.heard(`p${at}`, { can: 'yes', version: 1, oldest: 1, mark }, hashes)
      }
      const verdict = census.verdict(peers, own)
      const seen = verdict.type === 'fine' ? 'fine' : verdict.mustStop ? 'stops' : 'reported'
      assert.equal(seen, expected)
    })
  }

  test('is compared at an entry that both know, or not at all', () => {
    const census = new MachineCensus()
    const mark = { index: 8, hash: 'other' }
    census.heard('p0', { can: 'yes', version: 1, oldest: 1, mark }, hashes)
    assert.equal(census.verdict(['p0'], own).type, 'fine')
  })

  test('a peer whose program cannot apply the version in force can have no replica', () => {
    const census = new MachineCensus()
    const word = { can: 'yes', version: 3, oldest: 2, mark: undefined } as const
    census.heard('p0', word, hashes)
    assert.deepEqual(
      [0, 1, 2, 3, 4].map(version => census.isAble('p0', version)),
      [true, false, true, true, false],
    )
    census.heard('p0', { can: 'no' }, hashes)
    assert.ok(!census.isAble('p0', 2))
    assert.ok(!census.isAble('p1', 2))
  })
})
