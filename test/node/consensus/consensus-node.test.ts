import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import { encodeMessages } from '../../../src/consensus/message-codec.ts'
import { decodePosition, encodeNumber } from '../../sim/scenarios/consensus-machine.ts'
import { rejectsWith } from '../../support/expect.ts'
import { GROUP, GroupWorld } from './group-world.ts'

const everybody = ['a', 'b', 'c']

test('a command may be given to any peer and is applied by all, in one order', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const places = []
    for (const name of 'abcabc') places.push(await group.propose(name, places.length + 1))
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    )
    await group.until(() => group.group('b').applied.index === group.group('a').applied.index)
    await group.until(() => group.group('c').applied.index === group.group('a').applied.index)
    for (const { numbers } of group.machines.values()) assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6])
  })
})

test('a read at any peer sees what was done before it', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    for (const name of 'abcabcabcabcabcabcabc') {
      const place = await group.propose('a', 1)
      const seen = decodePosition(await group.node(name).query(GROUP, encodeNumber(0)))
      assert.equal(seen.index, place)
    }
  })
})

test('a minority answers within its deadline that there is no majority', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const lonely = everybody.find(name => name !== group.leaderName) as string
    const others = everybody.filter(name => name !== lonely)
    group.world.network.partition([lonely], others)
    // Long enough that it no longer believes in its leader.
    await group.until(() => group.group(lonely).leader === undefined)
    const startMs = group.world.nowMs
    await rejectsWith('NO_QUORUM', group.propose(lonely, 1, 700))
    await rejectsWith(
      'NO_QUORUM',
      group.node(lonely).query(GROUP, encodeNumber(0), { deadlineMs: 300 }),
    )
    assert.ok(group.world.nowMs - startMs <= 1_010)
    // Nothing of it was done, now or later.
    group.world.network.heal()
    await group.propose(lonely, 2)
    await group.until(() => (group.machines.get(lonely)?.numbers.length ?? 0) > 0)
    assert.deepEqual(group.machines.get(lonely)?.numbers, [2])
  })
})

test('a leader that loses its majority ends what waits as unknown, then refuses', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const lonely = group.leaderName
    group.world.network.partition(
      [lonely],
      everybody.filter(name => name !== lonely),
    )
    const startMs = group.world.nowMs
    await rejectsWith('OUTCOME_UNKNOWN', group.propose(lonely, 1, 5_000))
    assert.ok(group.world.nowMs - startMs < 1_000)
    await rejectsWith('NO_QUORUM', group.propose(lonely, 2, 500))
    assert.equal(group.group(lonely).waiting, 0)
  })
})

test('a leader that crashes is followed by another within a second', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const first = group.leaderName
    // Nobody is told: connections to it just fall silent.
    group.crash(first, 'power')
    const startMs = group.world.nowMs
    const other = everybody.find(name => name !== first) as string
    await rejectsWith('OUTCOME_UNKNOWN', group.propose(other, 1, 5_000))
    await group.propose(other, 2, 5_000)
    assert.ok(group.world.nowMs - startMs < 1_000)
  })
})

test('leadership is handed over within a few round trips', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    await group.propose('a', 1)
    const before = group.leaderName
    const startMs = group.world.nowMs
    group.leader.transfer(GROUP)
    await group.until(() =>
      [...group.nodes].some(
        ([name, node]) => name !== before && node.group(GROUP)?.role === 'leader',
      ),
    )
    assert.ok(group.world.nowMs - startMs < 150)
  })
})

test('what is acknowledged survives the loss of power everywhere', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    for (let number = 1; number <= 20; number++) await group.propose('a', number)
    for (const name of 'abc') group.crash(name, 'power')
    for (const name of 'abc') await group.start(name)
    await group.propose('a', 21, 5_000)
    const expected = Array.from({ length: 21 }, (_, at) => at + 1)
    await group.until(() => group.machines.get('a')?.numbers.length === 21)
    assert.deepEqual(group.machines.get('a')?.numbers, expected)
  })
})

test('a peer whose disk is gone comes back under another name, with a snapshot', async () => {
  const group = new GroupWorld('abc', { compaction: { snapshotEntries: 10, keptEntries: 0 } })
  await group.play(async () => {
    for (let number = 1; number <= 50; number++) await group.propose('a', number)
    const lost = everybody.find(name => name !== group.leaderName) as string
    const before = group.group(lost).replica
    group.crash(lost)
    group.peer(lost).loseDisk()
    await group.start(lost)
    assert.equal(group.node(lost).group(GROUP), undefined)
    await group.gather(everybody)
    assert.notEqual(group.group(lost).replica, before)
    await group.until(() => group.machines.get(lost)?.numbers.length === 50)
  })
})

test('a replica whose log has rotted does not run until it is invited again', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    for (let number = 1; number <= 30; number++) await group.propose('a', number)
    const lost = everybody.find(name => name !== group.leaderName) as string
    const before = group.group(lost).replica
    group.crash(lost)
    const [file] = group
      .peer(lost)
      .drive.files()
      .filter(({ path }) => path.endsWith('.wal'))
    // Somewhere in the middle: frames that are whole come after it.
    const { path = '', newest = { position: 0, sizeBytes: 0 } } = file ?? {}
    group.peer(lost).drive.rot(path, Math.floor(newest.position / 2), 512)
    await group.start(lost)
    assert.deepEqual(group.node(lost).damaged, [GROUP])
    await rejectsWith('GROUP_UNKNOWN', group.propose(lost, 31))
    await group.gather(everybody)
    assert.notEqual(group.group(lost).replica, before)
    assert.deepEqual(group.node(lost).damaged, [])
    await group.until(() => group.machines.get(lost)?.numbers.length === 30)
    // The damage is forgotten with the replica that had it.
    group.crash(lost)
    await group.start(lost)
    assert.deepEqual(group.node(lost).damaged, [])
  })
})

test('a disk without space refuses, and the replica goes on when there is some', async () => {
  const group = new GroupWorld('a')
  await group.play(async () => {
    await group.propose('a', 1)
    const { drive } = group.peer('a')
    drive.capacityBytes = drive.usedBytes
    // What was set aside for the log lasts for a while.
    const outcomes = new Set<string | undefined>()
    for (let number = 2; number < 1_000 && !outcomes.has('OUTCOME_UNKNOWN'); number++) {
      outcomes.add(await group.propose('a', number).then(() => 'done', codeOf))
    }
    assert.deepEqual([...outcomes], ['done', 'OUTCOME_UNKNOWN'])
    drive.capacityBytes = Number.POSITIVE_INFINITY
    assert.deepEqual([...group.failures], [])
    await group.until(() => group.node('a').group(GROUP)?.role === 'leader')
    await group.propose('a', 1_000)
  })
})

test('a disk that has failed ends the peer', async () => {
  const group = new GroupWorld('a')
  await group.play(async () => {
    group.peer('a').drive.faults.syncError = 1
    void group
      .node('a')
      .propose(GROUP, encodeNumber(1))
      .catch(() => undefined)
    await group.until(() => group.failures.has('a'))
    assert.equal(codeOf(group.failures.get('a')), 'DISK_FAILED')
  })
})

test('what makes no sense is refused, clearly, and changes nothing', async () => {
  const group = new GroupWorld('ab')
  await group.play(async () => {
    const { leader } = group
    const before = leader.group(GROUP)?.configuration
    await rejectsWith('FILE_EXISTS', leader.found(GROUP))
    await rejectsWith('GROUP_UNKNOWN', leader.propose(77, encodeNumber(1)))
    await rejectsWith('TOO_LARGE', leader.propose(GROUP, new Uint8Array(1_000_001)))
    await rejectsWith('GROUP_UNKNOWN', leader.host(-1))
    await rejectsWith('CHANGE_REFUSED', leader.change(GROUP, { voters: [], learners: [] }))
    const follower = group.node(['a', 'b'].find(name => name !== group.leaderName) as string)
    await rejectsWith('NOT_LEADER', follower.change(GROUP, { voters: ['x/1'], learners: [] }))
    assert.deepEqual(leader.group(GROUP)?.configuration, before)
  })
})

test('nobody speaks for a replica on another peer, and noise is ignored', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const [victim, liar] = everybody.filter(name => name !== group.leaderName) as [string, string]
    const { term } = group.group(victim)
    const { network } = group.environments.get(liar) ?? {}
    const from = group.leader.group(GROUP)?.replica ?? ''
    const to = group.group(victim).replica
    const forged = { from, to, type: 'heartbeat', term: term + 7, commit: 0, round: 1 } as const
    network?.sendDatagram(victim, 'raft/beats', encodeMessages([{ group: GROUP, message: forged }]))
    network?.sendDatagram(victim, 'raft/beats', Uint8Array.of(9, 9, 9))
    const stream = await network?.openStream(victim, 'raft/1')
    await stream?.write(Uint8Array.of(255, 255, 255, 255, 1))
    await group.world.sleep(200)
    assert.equal(group.group(victim).term, term)
    await group.propose(victim, 1)
  })
})

test('heartbeats of many groups share a datagram', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const { leader, leaderName } = group
    for (let number = 1; number <= 20; number++) {
      await leader.found(number)
      await group.until(() => leader.group(number)?.role === 'leader')
      const voters = []
      for (const name of 'abc') voters.push(await leader.invite(name, number))
      await leader.change(number, { voters, learners: [] })
    }
    await group.world.sleep(1_000)
    const { network } = group.environments.get(leaderName) ?? {}
    let datagrams = 0
    const send = network?.sendDatagram.bind(network)
    Object.assign(network ?? {}, {
      sendDatagram: (...args: Parameters<NonNullable<typeof send>>) => {
        datagrams++
        send?.(...args)
      },
    })
    const before = leader.messagesSent
    await group.world.sleep(1_000)
    const messages = leader.messagesSent - before
    // 21 groups, two others, some 20 rounds a second.
    assert.ok(messages > 600, `${messages} messages`)
    assert.ok(datagrams < 60, `${datagrams} datagrams`)
  })
})

test('a peer that is invited while it starts keeps the replica it has', async () => {
  const group = new GroupWorld('ab', { drive: { callMs: 20 } })
  await group.play(async () => {
    const other = ['a', 'b'].find(name => name !== group.leaderName) as string
    const { replica } = group.group(other)
    const { leader } = group
    group.crash(other)
    group.begin(other)
    const answers = new Set<string | undefined>()
    while (!group.nodes.has(other)) {
      const invitation = leader.invite(other, GROUP, { deadlineMs: 100 })
      answers.add(await invitation.catch(codeOf))
      await group.world.sleep(5)
    }
    // It said that it was not ready, and never invented another name.
    assert.ok(answers.has('BUSY'))
    answers.add(await leader.invite(other, GROUP))
    for (const code of ['BUSY', 'PROTOCOL_UNKNOWN', 'PEER_UNREACHABLE', 'TIMEOUT']) {
      answers.delete(code)
    }
    assert.deepEqual([...answers], [replica])
  })
})

test('power may fail at any moment of a compaction', async () => {
  const compaction = { snapshotEntries: 10, keptEntries: 0 }
  const group = new GroupWorld('a', { compaction, drive: { callMs: 5, syncMs: 5 } })
  await group.play(async () => {
    let number = 0
    for (let round = 0; round < 25; round++) {
      for (let count = 0; count < 10; count++) await group.propose('a', ++number, 5_000)
      await group.world.sleep(round * 4)
      group.crash('a', 'power')
      await group.start('a')
      assert.deepEqual(group.node('a').damaged, [], `after ${round * 4} ms`)
      await group.propose('a', ++number, 5_000)
      assert.equal(group.machines.get('a')?.numbers.length, number)
    }
  })
})

test('a peer that stops leaves nobody waiting, and says no more', async () => {
  const group = new GroupWorld('abc')
  await group.play(async () => {
    const { leader, leaderName } = group
    const others = everybody.filter(name => name !== leaderName)
    group.world.network.partition([leaderName], others)
    const waiting = rejectsWith('OUTCOME_UNKNOWN', group.propose(leaderName, 1, 5_000))
    await group.world.sleep(20)
    await leader.close()
    await waiting
    const { messagesSent } = leader
    await group.world.sleep(1_000)
    assert.equal(leader.messagesSent, messagesSent)
  })
})

test('entries that are large are not kept for those who lag', async () => {
  const group = new GroupWorld('a', { compaction: { snapshotBytes: 20, keptEntries: 1_000 } })
  await group.play(async () => {
    for (let number = 1; number <= 60; number++) await group.propose('a', number)
    await group.world.sleep(100)
    const [, begin = '0'] = /log (\d+)\//.exec(group.group('a').describe()) ?? []
    assert.ok(Number(begin) > 30, group.group('a').describe())
  })
})
