import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8 } from '../../../src/base/bytes.ts'
import type { PeerId } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { type Signer, signerOf } from '../../../src/node/admission/ed25519.ts'
import { formatInvite, type Invite, parseInvite } from '../../../src/node/admission/invite.ts'
import {
  JOIN_PROTOCOL,
  type JoinRequest,
  proofOf,
} from '../../../src/node/admission/join-messages.ts'
import { joinNetwork } from '../../../src/node/admission/join-network.ts'
import { type Certificate, signRecord } from '../../../src/node/admission/member-record.ts'
import { encodeSpreadRequest } from '../../../src/node/admission/spread-messages.ts'
import { MEMBERS_PROTOCOL } from '../../../src/node/admission/spread.ts'
import { Play, reasonOf, refusedFor, runningOf, stateOf } from '../../support/admission-play.ts'
import { rejectsWith } from '../../support/expect.ts'

/** What somebody tries who should not get in, and what the log says of it. */
const attempts: readonly {
  readonly what: string
  readonly told: string
  readonly logged: RegExp
  readonly play: (play: Play, invite: Invite) => Promise<unknown>
}[] = [
  {
    what: 'an outsider without an invite',
    told: 'unknown-invite',
    logged: /no invite/,
    play: (play, invite) => {
      const { networkId } = play.host.admitted.book.table.trust
      return play.ask('x', { type: 'hello', networkId, inviteId: invite.id.map(byte => byte ^ 1) })
    },
  },
  {
    what: 'a forged invite: a secret that is made up',
    told: 'unknown-invite',
    logged: /proof of invite \w+ is wrong/,
    play: (play, invite) =>
      joinNetwork(play.outsider('x'), { ...invite, secret: new Uint8Array(16) }, ''),
  },
  {
    what: 'an invite after its time',
    told: 'expired',
    logged: /expired/,
    play: async (play, invite) => {
      await play.world.sleep(3_601_000)
      return joinNetwork(play.outsider('x'), invite, '')
    },
  },
  {
    what: 'an expired invite whose date was edited',
    told: 'expired',
    logged: /expired/,
    play: async (play, invite) => {
      await play.world.sleep(3_601_000)
      const edited = formatInvite({ ...invite, expiresAtMs: 9e12 })
      return joinNetwork(play.outsider('x'), parseInvite(edited), '')
    },
  },
  {
    what: 'an invite that was used up',
    told: 'used-up',
    logged: /was used by a/,
    play: async (play, invite) => {
      await play.join('a', formatInvite(invite))
      return joinNetwork(play.outsider('x'), invite, '')
    },
  },
  {
    what: 'an invite of another network',
    told: 'other-network',
    logged: /is of network/,
    play: (play, invite) => {
      const { publicKey } = signerOf(new Uint8Array(32).fill(7))
      return joinNetwork(play.outsider('x'), { ...invite, authority: publicKey }, '')
    },
  },
  {
    what: 'a replayed join: the same proof again',
    told: 'no-challenge',
    logged: /answers no open challenge/,
    play: async (play, invite) => {
      const join = await validJoin(play, 'x', invite)
      await play.ask('x', join)
      return play.ask('x', join)
    },
  },
  {
    what: 'a replayed join: the proof of another peer',
    told: 'unknown-invite',
    logged: /proof of invite \w+ is wrong/,
    play: async (play, invite) => {
      const { networkId } = play.host.admitted.book.table.trust
      const join = await validJoin(play, 'x', invite)
      await play.ask('y', { type: 'hello', networkId, inviteId: invite.id })
      return play.ask('y', join)
    },
  },
  {
    what: 'a proof that comes too late',
    told: 'no-challenge',
    logged: /answers no open challenge/,
    play: async (play, invite) => {
      const join = await validJoin(play, 'x', invite)
      await play.world.sleep(31_000)
      return play.ask('x', join)
    },
  },
  {
    what: 'a proof without a challenge',
    told: 'no-challenge',
    logged: /answers no open challenge/,
    play: (play, invite) =>
      play.ask('x', { type: 'join', inviteId: invite.id, proof: new Uint8Array(32), zone: '' }),
  },
  {
    what: 'a stranger that asks for renewal',
    told: 'not-a-member',
    logged: /its status is unknown/,
    play: play => play.ask('x', { type: 'renew' }),
  },
]

for (const { what, told, logged, play: attempt } of attempts)
  test(`${what} is refused with a reason in the log`, () =>
    Play.tell(async play => {
      const invite = parseInvite(await play.invite())
      const before = play.host.admission.members.records().length
      await refusedFor(told, attempt(play, invite))
      assert.match(play.refusals.at(-1) ?? '', logged)
      assert.ok(play.host.admission.members.records().length <= before + 1)
      assert.notEqual(play.host.admission.members.statusOf('y').state, 'member')
      await play.join('honest', await play.invite())
    }))

async function validJoin(play: Play, name: PeerId, invite: Invite): Promise<JoinRequest> {
  const { networkId } = play.host.admitted.book.table.trust
  const nonce = await play.ask(name, { type: 'hello', networkId, inviteId: invite.id })
  const proof = proofOf(invite.secret, { networkId, host: 'founder', newcomer: name, nonce })
  return { type: 'join', inviteId: invite.id, proof, zone: '' }
}

test('a role edited in the token gives the role of the books', () =>
  Play.tell(async play => {
    const invite = parseInvite(await play.invite({ role: 'storage' }))
    const edited = formatInvite({ ...invite, role: 'full' })
    const peer = await play.join('a', edited)
    assert.equal(runningOf(peer).admitted.credentials.networkKey, undefined)
    const status = play.host.admission.members.statusOf('a')
    assert.ok(status.state === 'member' && status.certificate.role === 'storage')
  }))

/** Certificates that somebody shows who should not, and the code of the answer. */
const papers: readonly {
  readonly what: string
  readonly code: string
  readonly paper: (play: Play) => Promise<Uint8Array> | Uint8Array
}[] = [
  {
    what: 'signed by another authority',
    code: 'UNTRUSTED',
    paper: play => {
      const other = signerOf(new Uint8Array(32).fill(9))
      return signRecord(certificateOf('x'), play.host.admitted.book.table.trust.networkId, other)
    },
  },
  {
    what: 'of another network under the same key',
    code: 'UNTRUSTED',
    paper: play => signRecord(certificateOf('x'), new Uint8Array(32), founderSigner(play)),
  },
  {
    what: 'of another peer',
    code: 'UNTRUSTED',
    paper: async play => {
      const a = await play.join('a', await play.invite())
      return runningOf(a).admitted.book.table.recordOf('a') as Uint8Array
    },
  },
  {
    what: 'whose role was edited',
    code: 'UNTRUSTED',
    paper: play => {
      const bytes = signed(play, { ...certificateOf('x'), role: 'storage' }).slice()
      // Version, kind, length and name come before the role.
      assert.equal(bytes[4], 1)
      bytes[4] = 0
      return bytes
    },
  },
  {
    what: 'that has expired',
    code: 'NOT_A_MEMBER',
    paper: play => signed(play, { ...certificateOf('x'), notAfterMs: 1000 }),
  },
  {
    what: 'of a peer that was banned meanwhile',
    code: 'NOT_A_MEMBER',
    paper: async play => {
      const { record } = await joinNetwork(play.outsider('x'), parseInvite(await play.invite()), '')
      await play.host.admission.ban('x')
      return record
    },
  },
  {
    what: 'that is cut short',
    code: 'MALFORMED',
    paper: play => signed(play, certificateOf('x')).subarray(0, 70),
  },
  { what: 'that is empty', code: 'MALFORMED', paper: () => new Uint8Array() },
]

const certificateOf = (peer: PeerId): Certificate => ({
  kind: 'certificate',
  peer,
  role: 'full',
  zone: '',
  serial: 99,
  notAfterMs: 9e12,
})

const founderSigner = (play: Play): Signer =>
  signerOf((play.host.admitted.authority as { seed: Uint8Array }).seed)

const signed = (play: Play, certificate: Certificate): Uint8Array =>
  signRecord(certificate, play.host.admitted.book.table.trust.networkId, founderSigner(play))

for (const { what, code, paper } of papers)
  test(`a certificate ${what} makes nobody a member`, () =>
    Play.tell(async play => {
      const record = await paper(play)
      await assert.rejects(play.ask('x', { type: 'present', record }), (error: unknown) => {
        assert.equal(codeOf(error), code, String(error))
        return true
      })
      assert.notEqual(play.host.admission.members.statusOf('x').state, 'member')
      assert.equal(play.refusals.length > 0, true)
    }))

test('a member that the table does not know yet is believed its certificate', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 2 })
    const a = await play.join('a', token)
    await play.until(() => stateOf(a, 'founder') === 'member', 5000)
    play.world.network.link('founder', 'a').isCut = true
    play.world.network.link('a', 'founder').isCut = true
    const { record } = await joinNetwork(play.outsider('x'), parseInvite(token), '')
    assert.deepEqual(await play.ask('x', { type: 'present', record }, 'a'), Uint8Array.of(1))
    assert.equal(stateOf(a, 'x'), 'member')
    assert.deepEqual(await play.ask('x', { type: 'present', record }, 'a'), Uint8Array.of(0))
  }))

test('strangers are not told who the members are, nor believed', () =>
  Play.tell(async play => {
    const record = signed(play, certificateOf('y'))
    for (const request of [
      { type: 'compare', names: [] },
      { type: 'push', records: [record] },
    ] as const)
      await rejectsWith(
        'NOT_A_MEMBER',
        play.outsider('x').request('founder', MEMBERS_PROTOCOL, {
          body: encodeSpreadRequest(request),
          deadlineMs: 5000,
        }),
      )
    assert.equal(play.host.admission.members.statusOf('y').state, 'unknown')
  }))

test('ten thousand attempts to join let nobody in, and keep neither members nor newcomers out', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 3 })
    const member = await play.join('member', token)
    const invite = parseInvite(token)
    let [told, busy] = [0, 0]
    const flood = async (name: PeerId): Promise<void> => {
      for (let attempt = 0; attempt < 500; attempt++) {
        const forged = { ...invite, secret: fromUtf8(`secret ${attempt} `.padEnd(16).slice(0, 16)) }
        const reason = await joinNetwork(play.outsider(name), forged, '').then(
          () => 'let in',
          (error: unknown) => reasonOf(error),
        )
        if (reason === 'too-many-attempts') busy++
        else if (reason === 'unknown-invite') told++
        else assert.fail(`${reason}`)
      }
    }
    const flooding = Promise.all(
      Array.from({ length: 20 }, (_, index) => flood(`flooder-${index}`)),
    )
    await play.world.sleep(50)
    await play.join('honest', token)
    const body = encodeSpreadRequest({ type: 'compare', names: [] })
    for (let dial = 0; dial < 20; dial++) {
      const { network } = runningOf(member).environment
      await network.request('founder', MEMBERS_PROTOCOL, { body, deadlineMs: 1000 })
    }
    await flooding
    assert.equal(told + busy, 10_000)
    assert.ok(busy > 5000, `${busy} of 10,000 were not even looked at`)
    assert.ok(play.refusals.length < 50, `${play.refusals.length} lines in the log`)
    assert.equal(play.host.admission.members.records().length, 3)
    await play.join('late', token)
  }))

test('what is no join request is refused as malformed', () =>
  Play.tell(async play => {
    for (const body of [
      new Uint8Array(),
      Uint8Array.of(2, 0),
      Uint8Array.of(1, 9),
      new Uint8Array(900),
    ])
      await rejectsWith(
        'MALFORMED',
        play.outsider('x').request('founder', JOIN_PROTOCOL, { body, deadlineMs: 5000 }),
      )
    assert.ok(play.refusals.length > 0)
  }))

test('an invite with options out of range is a RangeError', () =>
  Play.tell(async play => {
    for (const options of [
      { uses: 0 },
      { uses: 10_001 },
      { expiresInMs: 0 },
      { uses: 1.5 },
      { zone: 'z'.repeat(65) },
      { zone: 'ä'.repeat(33) },
    ])
      await assert.rejects(play.invite(options), RangeError)
    // The founder must be able to read its own books again.
    await play.invite({ zone: 'ä'.repeat(32) })
    play.founder.crash('power')
    play.founder.start()
    await play.until(() => play.founder.running !== undefined, 5000)
  }))
