import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { PROVISIONAL_MAX } from '../../../src/net/limits.ts'
import type { NetEvent } from '../../../src/net/net-events.ts'
import type { PeerPolicy, Verdict } from '../../../src/net/peer-policy.ts'
import { rejectsWith } from '../../support/expect.ts'
import { eventually, introduce, withHosts } from '../../support/hosts.ts'

const empty = new Uint8Array()

/** Members by table, everybody else as told. */
class Table implements PeerPolicy {
  readonly members = new Set<string>()
  readonly banned = new Set<string>()
  readonly others: Verdict
  readonly asked: string[] = []

  constructor(others: Verdict) {
    this.others = others
  }

  verdict(peer: string): Verdict {
    if (this.banned.has(peer)) return 'deny'
    return this.members.has(peer) ? 'member' : this.others
  }

  mayServe(_peer: string, protocol: string): boolean {
    this.asked.push(protocol)
    return protocol !== 'request/raft'
  }
}

const refusalsOf = (events: readonly NetEvent[]): string[] =>
  events.flatMap(event => (event.type === 'refused' ? [event.reason] : []))

test('a stranger may join and nothing else, and the joined one may do the rest', () =>
  withHosts(async open => {
    const policy = new Table('provisional')
    const { host: member, events } = await open({ policy, topics: ['news'] })
    const { host: stranger } = await open({ topics: ['news'] })
    const handled: string[] = []
    for (const protocol of ['join', 'note', 'raft']) {
      member.onRequest(protocol, async () => {
        handled.push(protocol)
        return fromUtf8('ok')
      })
    }
    member.onDatagram('swim', () => handled.push('datagram'))
    member.onStream('fragments', () => handled.push('stream'))
    member.subscribe('news', () => handled.push('news'))
    stranger.subscribe('news', () => undefined)
    introduce(stranger, member)
    const request = { body: empty, deadlineMs: 2_000 }

    await rejectsWith('PEER_UNREACHABLE', stranger.request(member.self, 'note', request))
    await assert.rejects(stranger.openStream(member.self, 'fragments'))
    stranger.sendDatagram(member.self, 'swim', empty)
    await stranger.publish('news', empty)
    assert.equal(toUtf8(await stranger.request(member.self, 'join', request)), 'ok')
    assert.deepEqual(handled, ['join'])
    assert.deepEqual(member.connected(), [], 'a stranger is nobody to the rest of the node')
    assert.ok(refusalsOf(events).includes('not-authorised'))

    assert.deepEqual(await member.findPeers(), [], 'nor to Kademlia')

    policy.members.add(stranger.self)
    await stranger.disconnect(member.self)
    assert.equal(toUtf8(await stranger.request(member.self, 'note', request)), 'ok')
    await rejectsWith('NOT_AUTHORISED', stranger.request(member.self, 'raft', request))
    assert.deepEqual(handled, ['join', 'note'])
    assert.deepEqual(member.connected(), [stranger.self])
  }))

test('a stranger who does not join is shown out', () =>
  withHosts(async open => {
    const { host: member, events } = await open({ policy: new Table('provisional') })
    const { host: stranger } = await open()
    introduce(stranger, member)
    await stranger.dial(member.addresses()[0] as string)
    await eventually('connected', () => member.status().connections.length === 1)
    await eventually('gone', () => member.status().connections.length === 0)
    assert.ok(refusalsOf(events).includes('join-timeout'))
  }))

test('a stranger who has joined and stays is a peer like any other soon', () =>
  withHosts(async open => {
    const policy = new Table('provisional')
    const { host: member } = await open({ policy })
    const { host: stranger } = await open()
    await stranger.dial(member.addresses()[0] as string)
    await eventually('in', () => member.status().connections.length === 1)
    policy.members.add(stranger.self)
    assert.deepEqual(member.connected(), [])
    await eventually('up', () => member.connected().includes(stranger.self))
    assert.equal(member.status().connections.length, 1)
  }))

test('a few strangers at a time are let in, and members always', () =>
  withHosts(async open => {
    const policy = new Table('provisional')
    const { host: member, events } = await open({ policy })
    member.onRequest('echo', async (_from, body) => body)
    const [address = ''] = member.addresses()
    const strangers = await Promise.all(Array.from({ length: PROVISIONAL_MAX + 6 }, () => open()))
    await Promise.allSettled(strangers.map(({ host }) => host.dial(address)))
    await eventually('refusals', () => refusalsOf(events).includes('not-admitted'))
    const inside = member.status().connections.length
    assert.ok(inside <= PROVISIONAL_MAX, `${inside} strangers are in`)
    const { host: friend } = await open()
    policy.members.add(friend.self)
    introduce(friend, member)
    const request = { body: empty, deadlineMs: 5_000 }
    assert.deepEqual(await friend.request(member.self, 'echo', request), empty)
  }))

test('who is denied is let in by nobody, and a ban ends what is under way', () =>
  withHosts(async open => {
    const policy = new Table('deny')
    const { host: a, events } = await open({ policy })
    const { host: b } = await open()
    policy.members.add(b.self)
    a.onRequest('echo', async (_from, body) => body)
    a.onRequest('slow', () => new Promise(() => undefined))
    introduce(a, b)
    const request = { body: empty, deadlineMs: 3_000 }
    await b.request(a.self, 'echo', request)
    const slow = b.request(a.self, 'slow', request).catch(codeOf)

    policy.members.delete(b.self)
    policy.banned.add(b.self)
    await a.drop(b.self)
    assert.equal(await slow, 'PEER_UNREACHABLE')
    await eventually('turned away', async () => {
      await rejectsWith('PEER_UNREACHABLE', b.request(a.self, 'echo', request))
      return refusalsOf(events).includes('not-admitted')
    })
    assert.deepEqual(a.connected(), [])
    assert.deepEqual(a.addressesOf(b.self), [])
  }))
