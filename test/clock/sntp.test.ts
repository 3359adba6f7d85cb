import assert from 'node:assert/strict'
import { test } from 'node:test'

import { cookieOf, decodeSntpAnswer, encodeSntpRequest } from '../../src/clock/sntp.ts'
import { writeTime } from '../sim/sim-ntp.ts'

const NOW_MS = Date.UTC(2026, 5, 1)

/** A sound answer, with what a test changes. */
function answer({
  first = 0x24,
  stratum = 2,
  rootDelay = 0,
  rootDispersion = 0,
  receivedMs = NOW_MS,
  sentMs = NOW_MS + 1,
  letters = '',
}: {
  first?: number
  stratum?: number
  rootDelay?: number
  rootDispersion?: number
  receivedMs?: number
  sentMs?: number
  letters?: string
} = {}): Uint8Array {
  const bytes = new Uint8Array(48)
  const view = new DataView(bytes.buffer)
  bytes[0] = first
  bytes[1] = stratum
  view.setUint32(4, rootDelay)
  view.setUint32(8, rootDispersion)
  bytes.set(Buffer.from(letters), 12)
  bytes.fill(7, 24, 32)
  writeTime(bytes, 32, receivedMs)
  writeTime(bytes, 40, sentMs)
  return bytes
}

test('a question is version 4, client, and nothing but a cookie', () => {
  const cookie = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
  const request = encodeSntpRequest(cookie)
  assert.equal(request.length, 48)
  assert.equal(request[0], 0x23)
  assert.deepEqual(request.subarray(40), cookie)
  assert.ok(request.subarray(1, 40).every(byte => byte === 0))
})

test('an answer gives back the cookie and both readings', () => {
  const bytes = answer({ rootDelay: 65_536 / 10, rootDispersion: 65_536 / 20 })
  assert.deepEqual(cookieOf(bytes), new Uint8Array(8).fill(7))
  const decoded = decodeSntpAnswer(bytes, NOW_MS)
  assert.ok(typeof decoded !== 'string')
  assert.ok(Math.abs(decoded.receivedMs - NOW_MS) < 0.001)
  assert.ok(Math.abs(decoded.sentMs - NOW_MS - 1) < 0.001)
  assert.ok(Math.abs(decoded.boundMs - 100) < 0.1)
})

const refusals = [
  ['one that is too short', answer().subarray(0, 47), 'malformed'],
  ['one that is no answer', answer({ first: 0x23 }), 'malformed'],
  ['one sent before it was received', answer({ sentMs: NOW_MS - 1 }), 'malformed'],
  ['a server that does not know the time', answer({ first: 0xe4 }), 'unsynchronised'],
  ['a server of stratum 16', answer({ stratum: 16 }), 'unsynchronised'],
  ['a server too far from the truth', answer({ rootDispersion: 65_536 * 2 }), 'too far'],
  ['a server that is asked too often', answer({ stratum: 0, letters: 'RATE' }), 'rate'],
  ['a server that does not want us', answer({ stratum: 0, letters: 'DENY' }), 'denied'],
  ['a kiss of another kind', answer({ stratum: 0, letters: 'INIT' }), 'unsynchronised'],
] as const
for (const [what, bytes, reason] of refusals) {
  test(`${what} is refused`, () => assert.equal(decodeSntpAnswer(bytes, NOW_MS), reason))
}

test('an answer without a time is refused', () => {
  const bytes = answer()
  bytes.fill(0, 40, 48)
  assert.equal(decodeSntpAnswer(bytes, NOW_MS), 'unsynchronised')
})

test('seconds that have wrapped belong to the era that is nearest', () => {
  for (const atMs of [Date.UTC(2036, 1, 7, 6, 28, 15), Date.UTC(2036, 1, 7, 6, 28, 17)]) {
    for (const nearMs of [atMs - 86_400_000, atMs + 86_400_000]) {
      const decoded = decodeSntpAnswer(answer({ receivedMs: atMs, sentMs: atMs }), nearMs)
      assert.ok(typeof decoded !== 'string' && Math.abs(decoded.sentMs - atMs) < 0.001)
    }
  }
})
