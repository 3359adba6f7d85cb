import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../../src/base/errors.ts'
import { formatInvite, type Invite, parseInvite } from '../../../src/node/admission/invite.ts'

/** Objects like those the decoders make. */
const plain = <Value>(fields: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record<Value>(fields, { noNullPrototype: true })

const bytes = (size: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: size, maxLength: size })
const address = fc.oneof(
  fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }))
    .map(([host, port]) => `/ip4/${host}/tcp/${port}`),
  fc.constantFrom('/ip6/::1/tcp/4801', '/dns4/peer.example/tcp/4801', '/ip4/10.0.0.1/udp/1'),
)

const anyInvite: fc.Arbitrary<Invite> = plain({
  authority: bytes(32),
  id: bytes(8),
  secret: bytes(16),
  expiresAtMs: fc.integer({ min: 0, max: 4e9 }).map(seconds => seconds * 1000),
  role: fc.constantFrom('full', 'storage'),
  uses: fc.integer({ min: 1, max: 10_000 }),
  zone: fc.constantFrom('', 'rack-1', 'ein Haus mit Ümlaut'),
  host: fc.constantFrom('founder', '12D3KooWNTwExXtcR5GciHZt4iuEkb5bboBoEf2XqTgxWVLAKYe7'),
  addresses: fc.array(address, { maxLength: 6 }),
})

const sample: Invite = {
  authority: new Uint8Array(32).fill(200),
  id: new Uint8Array(8).fill(1),
  secret: new Uint8Array(16).fill(2),
  expiresAtMs: 1_800_000_000_000,
  role: 'full',
  uses: 1,
  zone: '',
  host: '12D3KooWNTwExXtcR5GciHZt4iuEkb5bboBoEf2XqTgxWVLAKYe7',
  addresses: ['/ip4/192.168.1.20/tcp/4801', '/ip4/127.0.0.1/tcp/4801'],
}

test('an invite comes back out of its token', () =>
  fc.assert(
    fc.property(anyInvite, invite => {
      const token = formatInvite(invite)
      assert.match(token, /^hf1[1-9A-HJ-NP-Za-km-z]+$/)
      assert.deepEqual(parseInvite(`  ${token}\n`), invite)
    }),
  ))

test('a usual token has at most 165 characters', () =>
  assert.ok(formatInvite(sample).length <= 165, formatInvite(sample)))

test('a token with any character changed, added or left out is refused', () => {
  const token = formatInvite(sample)
  const spoilt = token
    .split('')
    .flatMap((character, at) => [
      token.slice(0, at) + (character === 'a' ? 'b' : 'a') + token.slice(at + 1),
      token.slice(0, at) + token.slice(at + 1),
      `${token.slice(0, at)}z${token.slice(at)}`,
    ])
  for (const text of spoilt.filter(each => each !== token)) refused(text)
})

for (const [what, text] of [
  ['nothing', ''],
  ['a word', 'hello'],
  ['only the prefix', 'hf1'],
  ['foreign characters', 'hf10OIl'],
  ['an endless text', `hf1${'a'.repeat(1_000_000)}`],
] as const)
  test(`${what} is no invite`, () => refused(text))

function refused(text: string): void {
  assert.throws(
    () => parseInvite(text),
    (error: unknown) => codeOf(error) === 'INVITE_MALFORMED',
  )
}
