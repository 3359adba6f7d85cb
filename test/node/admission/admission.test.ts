import assert from 'node:assert/strict'
import { test } from 'node:test'

import { CERTIFICATE_MS } from '../../../src/node/admission/authority.ts'
import { parseInvite } from '../../../src/node/admission/invite.ts'
import { joinNetwork } from '../../../src/node/admission/join-network.ts'
import { Play, refusedFor, runningOf, setClocks, stateOf } from '../../support/admission-play.ts'
import type { AdmissionPeer } from '../../support/admission.ts'
import { rejectsWith } from '../../support/expect.ts'

const DAY_MS = 86_400_000

test('a newcomer with an invite becomes a member, and everybody hears of it', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 5, zone: 'rack-1' })
    const peers: AdmissionPeer[] = []
    for (const name of ['a', 'b', 'c']) peers.push(await play.join(name, token))
    const startMs = play.world.nowMs
    await play.until(
      () => peers.every(peer => ['a', 'b', 'c'].every(name => stateOf(peer, name) === 'member')),
      5000,
    )
    assert.ok(play.world.nowMs - startMs < 3000)
    const status = runningOf(peers[0] as AdmissionPeer).admission.members.statusOf('c')
    assert.ok(status.state === 'member')
    assert.deepEqual([status.certificate.role, status.certificate.zone], ['full', 'rack-1'])
  }))

test('full members get the network key, storage members never do', () =>
  Play.tell(async play => {
    const full = await play.join('full', await play.invite())
    const storage = await play.join('storage', await play.invite({ role: 'storage' }))
    const { networkKey } = play.host.admitted.credentials
    assert.equal(networkKey?.length, 32)
    assert.deepEqual(runningOf(full).admitted.credentials.networkKey, networkKey)
    assert.equal(runningOf(storage).admitted.credentials.networkKey, undefined)
  }))

test('a member comes back without an invite, also when the founder is gone', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 2 })
    const [a, b] = [await play.join('a', token), await play.join('b', token)]
    await play.until(() => stateOf(a, 'b') === 'member', 5000)
    play.founder.crash('power')
    a.crash('power')
    a.start()
    await play.until(() => a.running !== undefined, 5000)
    assert.deepEqual([stateOf(a, 'a'), stateOf(a, 'b'), stateOf(b, 'a')], Array(3).fill('member'))
  }))

test('a peer that lost its first answer may ask again under the same invite', () =>
  Play.tell(async play => {
    const token = await play.invite()
    const invite = parseInvite(token)
    const first = await joinNetwork(play.outsider('a'), invite, '')
    const second = await joinNetwork(play.outsider('a'), invite, '')
    assert.notDeepEqual(first.record, second.record)
    await refusedFor('used-up', joinNetwork(play.outsider('b'), invite, ''))
  }))

test('an invite that was told survives a power cut of the founder', () =>
  Play.tell(async play => {
    const token = await play.invite()
    play.founder.crash('power')
    play.founder.start()
    await play.until(() => play.founder.running !== undefined, 5000)
    await play.join('a', token)
    assert.equal(stateOf(play.founder, 'a'), 'member')
  }))

test('a banned peer is cut off everywhere within five seconds, and for good', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 10 })
    const [a, b, c] = [
      await play.join('a', token),
      await play.join('b', token),
      await play.join('c', token),
    ]
    await play.until(() => stateOf(a, 'c') === 'member' && stateOf(b, 'c') === 'member', 5000)
    await play.host.admission.ban('c')
    const startMs = play.world.nowMs
    await play.until(() => [a, b].every(peer => runningOf(peer).dropped.has('c')), 5000)
    assert.ok(play.world.nowMs - startMs < 1000)
    assert.equal(stateOf(a, 'c'), 'banned')
    c.crash('process')
    await refusedFor('banned', joinNetwork(play.outsider('c'), parseInvite(token), ''))
  }))

test('a banned peer is told, by what its authority signed', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 2 })
    const [b, c] = [await play.join('b', token), await play.join('c', token)]
    await play.until(() => stateOf(b, 'c') === 'member' && stateOf(c, 'b') === 'member', 5000)
    await play.host.admission.ban('c')
    await play.until(() => stateOf(c, 'c') === 'banned', 1000)
    assert.ok(c.lines.some(({ message }) => message === 'banned from the network'))
    assert.ok(!c.lines.some(({ message }) => message === 'banned'), 'it is no news of another')
  }))

test('one that is banned and does not listen is cut off all the same', () =>
  Play.tell(async play => {
    const c = await play.join('c', await play.invite())
    const { dropped } = runningOf(play.founder)
    c.machine.pause()
    await play.host.admission.ban('c')
    await play.until(() => dropped.has('c'), 2000)
  }))

test('a ban reaches a member that was cut off from the founder, through any other', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 10 })
    const [a, b] = [await play.join('a', token), await play.join('b', token)]
    await play.join('c', token)
    await play.until(() => stateOf(a, 'c') === 'member' && stateOf(b, 'c') === 'member', 5000)
    play.world.network.link('founder', 'b').isCut = true
    play.world.network.link('b', 'founder').isCut = true
    await play.host.admission.ban('c')
    await play.until(() => stateOf(b, 'c') === 'banned', 5000)
  }))

test('only who holds the key of the network invites and bans', () =>
  Play.tell(async play => {
    const a = await play.join('a', await play.invite())
    await rejectsWith('NO_AUTHORITY', runningOf(a).admission.invite({}, []))
    await rejectsWith('NO_AUTHORITY', runningOf(a).admission.ban('founder'))
    await refusedFor('no-authority', play.ask('x', { type: 'renew' }, 'a'))
  }))

test('neither a stranger nor the founder can be banned', () =>
  Play.tell(async play => {
    await rejectsWith('NOT_A_MEMBER', play.host.admission.ban('nobody'))
    await rejectsWith('NOT_A_MEMBER', play.host.admission.ban('founder'))
  }))

test('a certificate is renewed before it expires, by asking the founder', () =>
  Play.tell(async play => {
    const a = await play.join('a', await play.invite())
    const before = runningOf(a).admission.members.statusOf('a')
    setClocks(21 * DAY_MS, play.founder, a)
    await play.world.sleep(1_000_000)
    const after = runningOf(a).admission.members.statusOf('a')
    assert.ok(before.state === 'member' && after.state === 'member')
    assert.ok(after.certificate.serial > before.certificate.serial)
    assert.equal(after.certificate.role, 'full')
  }))

test('a certificate that nobody renewed is worth nothing after its time', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 2 })
    const [a, b] = [await play.join('a', token), await play.join('b', token)]
    await play.until(() => stateOf(a, 'b') === 'member', 5000)
    play.founder.crash('process')
    setClocks(CERTIFICATE_MS + DAY_MS, a, b)
    assert.deepEqual([stateOf(a, 'b'), stateOf(b, 'a')], ['expired', 'expired'])
    const record = runningOf(b).admitted.book.table.recordOf('b') as Uint8Array
    b.crash('process')
    await rejectsWith('NOT_A_MEMBER', play.ask('b', { type: 'present', record }, 'a'))
  }))

test('a member that was away until its certificate had expired has it renewed, and is back', () =>
  Play.tell(async play => {
    const token = await play.invite({ uses: 2 })
    const [a, b] = [await play.join('a', token), await play.join('b', token)]
    await play.until(() => stateOf(a, 'b') === 'member', 5000)
    a.crash('power')
    setClocks(CERTIFICATE_MS - 5 * DAY_MS, play.founder, b)
    await play.world.sleep(1_000_000)
    setClocks(6 * DAY_MS, play.founder, b)
    setClocks(CERTIFICATE_MS + DAY_MS, a)
    assert.deepEqual([stateOf(b, 'a'), stateOf(b, 'founder')], ['expired', 'member'])
    a.start()
    await play.until(() => a.running !== undefined && stateOf(a, 'a') === 'member', 5000)
    assert.ok(a.lines.some(({ message }) => message === 'certificate expired'))
    await play.until(() => stateOf(a, 'b') === 'member' && stateOf(b, 'a') === 'member', 10_000)
  }))

test('a founder that was away until all certificates had expired brings its network back', () =>
  Play.tell(async play => {
    const a = await play.join('a', await play.invite())
    play.founder.crash('power')
    setClocks(CERTIFICATE_MS + DAY_MS, play.founder, a)
    assert.equal(stateOf(a, 'founder'), 'expired')
    play.founder.start()
    await play.until(
      () => play.founder.running !== undefined && stateOf(play.founder, 'founder') === 'member',
      5000,
    )
    await play.until(
      () => stateOf(a, 'founder') === 'member' && stateOf(play.founder, 'a') === 'member',
      1_000_000,
    )
  }))

test('a banned peer has no expired certificate renewed', () =>
  Play.tell(async play => {
    const a = await play.join('a', await play.invite())
    a.crash('process')
    await play.host.admission.ban('a')
    await refusedFor('banned', play.ask('a', { type: 'renew' }))
  }))
