import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import { WriteMemory } from '../../../src/node/store/write-memory.ts'
import { ManualTimers, settle } from '../../support/manual-timers.ts'

const MIB = 1_048_576
const { signal } = new AbortController()

async function isThere(taking: Promise<unknown>): Promise<boolean> {
  let isTaken = false
  void taking.then(() => (isTaken = true))
  await settle()
  return isTaken
}

test('two segments of 24 MiB have room, the third waits for one of them', async () => {
  const memory = new WriteMemory(new ManualTimers())
  const giveBack = await memory.take(24 * MIB, signal)
  await memory.take(24 * MIB, signal)
  const third = memory.take(24 * MIB, signal)
  assert.equal(await isThere(third), false)
  giveBack()
  giveBack()
  assert.equal(await isThere(third), true)
  assert.equal(await isThere(memory.take(24 * MIB, signal)), false)
})

test('small ones do not wait for large ones', async () => {
  const memory = new WriteMemory(new ManualTimers())
  await memory.take(48 * MIB, signal)
  assert.equal(await isThere(memory.take(MIB, signal)), true)
})

test('a segment that is larger than all room goes, alone', async () => {
  const memory = new WriteMemory(new ManualTimers())
  const giveBack = await memory.take(96 * MIB, signal)
  const second = memory.take(24 * MIB, signal)
  assert.equal(await isThere(second), false)
  giveBack()
  assert.equal(await isThere(second), true)
})

test('who waits may give up, and is not in the way of the next', async () => {
  const memory = new WriteMemory(new ManualTimers())
  const giveBack = await memory.take(48 * MIB, signal)
  const controller = new AbortController()
  const impatient = memory.take(40 * MIB, controller.signal)
  const patient = memory.take(24 * MIB, signal)
  controller.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  giveBack()
  assert.equal(await isThere(patient), true)
})

test('who waits for too long is told', async () => {
  const timers = new ManualTimers()
  const memory = new WriteMemory(timers)
  await memory.take(48 * MIB, signal)
  const waiting = memory.take(24 * MIB, signal)
  const told = assert.rejects(waiting, error => codeOf(error) === 'TIMEOUT')
  await timers.advance(61_000)
  await told
})
