import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { concat, equals, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { KV_CHANGES_MAX } from '../../src/consensus/kv-changes.ts'
import {
  decodeKvAnswer,
  decodeKvCommand,
  encodeKvAnswer,
  encodeKvCommand,
  KV_KEY_BYTES_MAX,
  KV_VALUE_BYTES_MAX,
  type KvAnswer,
  type KvCommand,
} from '../../src/consensus/kv-command.ts'
import { KvMachine } from '../../src/consensus/kv-machine.ts'
import { decodeKvQuestion } from '../../src/consensus/kv-question.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../src/consensus/state-machine.ts'
import { applyKv, askKv, put, shown } from './kv-support.ts'

const remove = (key: string): KvCommand => ({ type: 'delete', key })

test('a put is read back with the index of its command', () => {
  const machine = new KvMachine()
  assert.deepEqual(applyKv(machine, 7, put('a', 'x')), { type: 'written', revision: 7 })
  const reply = askKv(machine, { type: 'get', key: 'a' })
  assert.ok(reply.type === 'entry' && reply.entry !== undefined)
  assert.equal(shown(reply.entry), 'a=x@7')
})

test('a delete of nothing changes nothing', () => {
  const machine = new KvMachine()
  assert.deepEqual(applyKv(machine, 1, remove('a')), { type: 'conflict', entry: undefined })
  applyKv(machine, 2, put('a', 'x'))
  assert.deepEqual(applyKv(machine, 3, remove('a')), { type: 'written', revision: 3 })
  assert.deepEqual(askKv(machine, { type: 'get', key: 'a' }), { type: 'entry', entry: undefined })
})

const conditions = [
  ['absent', { type: 'absent' }, false],
  ['the revision it has', { type: 'revision', revision: 5 }, true],
  ['another revision', { type: 'revision', revision: 4 }, false],
  ['the value it has', { type: 'value', value: fromUtf8('x') }, true],
  ['another value', { type: 'value', value: fromUtf8('xx') }, false],
] as const
for (const [what, expected, isMet] of conditions) {
  test(`cas that expects ${what} ${isMet ? 'writes' : 'says what is there'}`, () => {
    const machine = new KvMachine()
    applyKv(machine, 5, put('a', 'x'))
    const answer = applyKv(machine, 9, { type: 'cas', key: 'a', expected, value: fromUtf8('y') })
    assert.equal(answer.type, isMet ? 'written' : 'conflict')
    if (answer.type === 'conflict') assert.equal(shown(answer.entry as never), 'a=x@5')
  })
}

test('cas deletes, and creates what is absent', () => {
  const machine = new KvMachine()
  const expected = { type: 'absent' } as const
  assert.equal(
    applyKv(machine, 1, { type: 'cas', key: 'a', expected, value: fromUtf8('x') }).type,
    'written',
  )
  const there = { type: 'revision', revision: 1 } as const
  assert.equal(
    applyKv(machine, 2, { type: 'cas', key: 'a', expected: there, value: undefined }).type,
    'written',
  )
  assert.equal(machine.size.keys, 0)
})

test('commands nobody can understand are refused and change nothing', () => {
  const machine = new KvMachine()
  applyKv(machine, 1, put('a', 'x'))
  const before = machine.hash()
  const good = encodeKvCommand(put('b', 'y'))
  const bad = [
    new Uint8Array(),
    Uint8Array.of(9),
    good.subarray(0, 3),
    concat([good, Uint8Array.of(0)]),
  ]
  const answers = machine.apply(bad.map((data, at) => ({ index: 2 + at, data })))
  for (const answer of answers) {
    assert.deepEqual(decodeKvAnswer(answer), { type: 'refused', reason: 'malformed' })
  }
  assert.equal(machine.hash(), before)
})

test('random bytes are never thrown at', () => {
  const machine = new KvMachine()
  let index = 0
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), data => {
      machine.apply([{ index: ++index, data }])
      try {
        decodeKvQuestion(data)
      } catch (error) {
        assert.ok(codeOf(error) !== undefined)
      }
    }),
  )
})

test('keys and values above their bounds cannot be encoded', () => {
  const refused = (command: KvCommand, code: string): void =>
    assert.throws(
      () => encodeKvCommand(command),
      error => codeOf(error) === code,
    )
  refused(put('', 'x'), 'MALFORMED')
  refused(put('\ud800', 'x'), 'MALFORMED')
  refused({ type: 'put', key: 'a', value: new Uint8Array(KV_VALUE_BYTES_MAX + 1) }, 'TOO_LARGE')
  const long = 'k'.repeat(KV_KEY_BYTES_MAX)
  assert.deepEqual(decodeKvCommand(encodeKvCommand(remove(long))), remove(long))
  const over = encodeKvCommand(remove(long)).slice()
  assert.throws(
    () => encodeKvCommand(remove(`${long}k`)),
    error => codeOf(error) === 'TOO_LARGE',
  )
  over[1] = (over[1] ?? 0) + 1
  assert.throws(() => decodeKvCommand(over))
})

test('too many keys and too many bytes are refused, what is there can still be changed', () => {
  const machine = new KvMachine({ keysMax: 2, bytesMax: 12 })
  applyKv(machine, 1, put('a', '123'))
  applyKv(machine, 2, put('b', '123'))
  assert.deepEqual(applyKv(machine, 3, put('c', '')), { type: 'refused', reason: 'keys' })
  assert.deepEqual(applyKv(machine, 4, put('a', '12345678')), { type: 'refused', reason: 'bytes' })
  assert.equal(applyKv(machine, 5, put('a', '1')).type, 'written')
  assert.equal(applyKv(machine, 6, remove('b')).type, 'written')
  assert.equal(applyKv(machine, 7, put('c', '')).type, 'written')
  assert.deepEqual(machine.size, { keys: 2, bytes: 3 })
})

test('a list goes through the keys of a prefix in order, page by page', () => {
  const machine = new KvMachine()
  const keys = ['b/2', 'a', 'b/1', 'c', 'b/3', 'b']
  keys.forEach((key, at) => applyKv(machine, at + 1, put(key, '')))
  const first = askKv(machine, { type: 'list', prefix: 'b/', after: '', limit: 2 })
  assert.ok(first.type === 'entries' && first.isMore)
  assert.deepEqual(
    first.entries.map(({ key }) => key),
    ['b/1', 'b/2'],
  )
  const second = askKv(machine, { type: 'list', prefix: 'b/', after: 'b/2', limit: 2 })
  assert.ok(second.type === 'entries' && !second.isMore)
  assert.deepEqual(
    second.entries.map(({ key }) => key),
    ['b/3'],
  )
})

test('a watch tells of each change once, in order, from the index asked for', () => {
  const machine = new KvMachine()
  applyKv(machine, 1, put('a', 'x'))
  applyKv(machine, 3, put('b', 'x'))
  applyKv(machine, 4, put('a', 'y'))
  applyKv(machine, 6, remove('a'))
  applyKv(machine, 8, remove('a'))
  const watch = (after: number, limit: number): string => {
    const reply = askKv(machine, { type: 'changes', prefix: 'a', after, limit })
    assert.ok(reply.type === 'changes')
    return `${reply.changes.map(shown).join(' ')} through ${reply.through}`
  }
  assert.equal(watch(0, 9), 'a=x@1 a=y@4 a@6 through 8')
  assert.equal(watch(1, 9), 'a=y@4 a@6 through 8')
  assert.equal(watch(0, 1), 'a=x@1 through 3')
  assert.equal(watch(8, 9), ' through 8')
  assert.equal(watch(20, 9), ' through 20')
})

test('a watch from before what is remembered is told so', () => {
  const machine = new KvMachine()
  for (let index = 1; index <= KV_CHANGES_MAX + 5; index++) applyKv(machine, index, put('a', 'x'))
  const reply = askKv(machine, { type: 'changes', prefix: '', after: 4, limit: 9 })
  assert.deepEqual(reply, { type: 'trimmed', oldest: 5 })
  const later = askKv(machine, { type: 'changes', prefix: '', after: 5, limit: 9 })
  assert.ok(later.type === 'changes' && later.changes[0]?.revision === 6)
})

test('a reply holds no more bytes than it may, and at least one item', () => {
  const machine = new KvMachine()
  const value = new Uint8Array(KV_VALUE_BYTES_MAX)
  for (let index = 1; index <= 20; index++) {
    applyKv(machine, index, { type: 'put', key: `k${String(index).padStart(2, '0')}`, value })
  }
  let after = ''
  let pages = 0
  for (let isMore = true; isMore; pages++) {
    const reply = askKv(machine, { type: 'list', prefix: '', after, limit: 1_000 })
    assert.ok(reply.type === 'entries' && reply.entries.length > 0)
    isMore = reply.isMore
    after = reply.entries.at(-1)?.key ?? ''
  }
  assert.equal(pages, 3)
})

const commands: fc.Arbitrary<KvCommand> = fc
  .record({
    type: fc.constantFrom('put', 'delete', 'cas'),
    key: fc.constantFrom('a', 'b', 'ä', 'a/b', '😀'),
    value: fc.constantFrom(fromUtf8(''), fromUtf8('x'), fromUtf8('yy')),
    isGone: fc.boolean(),
    expected: fc.oneof(
      fc.constant({ type: 'absent' as const }),
      fc.integer({ min: 0, max: 40 }).map(revision => ({ type: 'revision' as const, revision })),
      fc.constantFrom('', 'x').map(value => ({ type: 'value' as const, value: fromUtf8(value) })),
    ),
  })
  .map(({ type, key, value, isGone, expected }): KvCommand => {
    if (type === 'put') return { type, key, value }
    if (type === 'delete') return { type, key }
    return { type: 'cas', key, expected, value: isGone ? undefined : value }
  })

/** The map as one would write it on paper. */
function naive(
  state: Map<string, { value: string; revision: number }>,
  command: KvCommand,
  revision: number,
): KvAnswer {
  const before = state.get(command.key)
  const write = (value: Uint8Array | undefined): KvAnswer => {
    if (value === undefined) state.delete(command.key)
    else state.set(command.key, { value: toUtf8(value), revision })
    return { type: 'written', revision }
  }
  const conflict: KvAnswer = {
    type: 'conflict',
    entry: before && { key: command.key, value: fromUtf8(before.value), revision: before.revision },
  }
  if (command.type === 'put') return write(command.value)
  if (command.type === 'delete') return before === undefined ? conflict : write(undefined)
  const { expected } = command
  const isMet =
    expected.type === 'absent'
      ? before === undefined
      : before !== undefined &&
        (expected.type === 'revision'
          ? before.revision === expected.revision
          : before.value === toUtf8(expected.value))
  return isMet ? write(command.value) : conflict
}

test('the machine answers as a plain map does, also after a restore at any moment', () => {
  fc.assert(
    fc.property(fc.array(commands, { maxLength: 40 }), fc.nat(40), (list, restoreAt) => {
      let machine = new KvMachine()
      const model = new Map<string, { value: string; revision: number }>()
      list.forEach((command, at) => {
        if (at === restoreAt) machine = restored(machine)
        const answer = applyKv(machine, at + 1, command)
        const wanted = encodeKvAnswer(naive(model, command, at + 1))
        assert.deepEqual(answer, decodeKvAnswer(wanted))
      })
      const reply = askKv(machine, { type: 'list', prefix: '', after: '', limit: 99 })
      assert.ok(reply.type === 'entries')
      const wanted = [...model].map(([key, { value, revision }]) => `${key}=${value}@${revision}`)
      assert.deepEqual(reply.entries.map(shown).toSorted(), wanted.toSorted())
    }),
  )
})

function restored(machine: KvMachine): KvMachine {
  const copy = new KvMachine()
  copy.restore([...machine.snapshot()].map(piece => piece.slice()))
  return copy
}

test('equal states have equal snapshots and hashes, however they came about', () => {
  const direct = new KvMachine()
  const detour = new KvMachine()
  applyKv(detour, 1, put('t', 'gone'))
  applyKv(detour, 2, remove('t'))
  applyKv(detour, 5, put('a', 'x'))
  applyKv(direct, 5, put('a', 'x'))
  assert.equal(direct.hash(), detour.hash())
  assert.notEqual(new KvMachine().hash(), direct.hash())
  const copy = restored(detour)
  assert.deepEqual([...copy.snapshot()], [...detour.snapshot()])
})

test('a snapshot is of the moment it was taken, in pieces within their bound', () => {
  const machine = new KvMachine()
  const value = new Uint8Array(KV_VALUE_BYTES_MAX).fill(7)
  for (let index = 1; index <= 30; index++)
    applyKv(machine, index, { type: 'put', key: `k${index}`, value })
  const hash = machine.hash()
  const lazy = machine.snapshot()
  applyKv(machine, 31, remove('k1'))
  applyKv(machine, 32, put('k2', 'new'))
  const pieces = [...lazy]
  assert.ok(pieces.length > 5)
  assert.ok(pieces.every(({ length }) => length <= SNAPSHOT_PIECE_BYTES_MAX))
  const copy = new KvMachine()
  copy.restore(pieces)
  assert.equal(copy.hash(), hash)
})

test('a snapshot with any bit turned is refused, or is the same state', () => {
  const machine = new KvMachine()
  applyKv(machine, 3, put('a', 'xyz'))
  applyKv(machine, 4, put('b', 'uvw'))
  const [piece] = [...machine.snapshot()]
  assert.ok(piece !== undefined)
  let refused = 0
  for (let bit = 0; bit < piece.length * 8; bit++) {
    const broken = piece.slice()
    broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7))
    const copy = new KvMachine()
    try {
      copy.restore([broken])
      assert.equal(copy.hash(), machine.hash())
    } catch (error) {
      assert.ok(codeOf(error) !== undefined, String(error))
      assert.equal(copy.size.keys, 0)
      refused++
    }
  }
  assert.ok(refused > piece.length * 4)
})

test('a snapshot that ends early or goes on is refused, none at all is an empty map', () => {
  const machine = new KvMachine()
  const value = new Uint8Array(KV_VALUE_BYTES_MAX)
  for (let index = 1; index <= 9; index++)
    applyKv(machine, index, { type: 'put', key: `k${index}`, value })
  const pieces = [...machine.snapshot()]
  for (const broken of [pieces.slice(0, -1), [...pieces, Uint8Array.of(1)], pieces.toReversed()]) {
    assert.throws(
      () => new KvMachine().restore(broken),
      error => codeOf(error) === 'MALFORMED',
    )
  }
  machine.restore([])
  assert.deepEqual([machine.size.keys, machine.hash()], [0, new KvMachine().hash()])
})

test('what the machine keeps does not change with the bytes it was given', () => {
  const machine = new KvMachine()
  const data = encodeKvCommand(put('a', 'x'))
  machine.apply([{ index: 1, data }])
  data.fill(0)
  const reply = askKv(machine, { type: 'get', key: 'a' })
  assert.ok(
    reply.type === 'entry' && reply.entry !== undefined && equals(reply.entry.value, fromUtf8('x')),
  )
})
