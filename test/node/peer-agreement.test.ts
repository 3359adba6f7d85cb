import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { createNode, type HoldfastNode } from '../../src/node/create-node.ts'
import { rejectsWith } from '../support/expect.ts'
import { eventually } from '../support/hosts.ts'
import { withDirectory } from '../support/temporary.ts'

const listen = ['/ip4/127.0.0.1/tcp/0']

/** Peers in one process; whatever is left of them is stopped at the end. */
async function withPeers(
  story: (
    start: (name: string, join?: string) => Promise<HoldfastNode>,
    root: string,
  ) => Promise<void>,
): Promise<void> {
  await withDirectory(async root => {
    const nodes: HoldfastNode[] = []
    const start = async (name: string, invite?: string): Promise<HoldfastNode> => {
      const dataDirectory = join(root, name)
      const node = createNode({ dataDirectory, name, listen, profile: 'fast', join: invite })
      nodes.push(node)
      await node.start()
      return node
    }
    try {
      await story(start, root)
    } finally {
      const signal = AbortSignal.abort(new Error('the test is over'))
      await Promise.all(nodes.map(node => node.stop({ signal })))
    }
  })
}

async function votersOf(node: HoldfastNode): Promise<string[]> {
  const [view] = await node.groups()
  const voters = view?.members.filter(({ role }) => role !== 'learner') ?? []
  return voters.map(({ name }) => name).toSorted()
}

test('a network of three has three voters within seconds, and one map', () =>
  withPeers(async start => {
    const a = await start('a')
    await a.kv.put('k', fromUtf8('alone'))
    const token = await a.invite({ uses: 2 })
    const [b, c] = await Promise.all([start('b', token), start('c', token)])
    await eventually('three vote', async () => (await votersOf(a)).join() === 'a,b,c', 20_000)
    await b.kv.put('k', fromUtf8('together'))
    assert.equal(toUtf8((await c.kv.get('k'))?.value ?? new Uint8Array(0)), 'together')
    assert.deepEqual(
      (await c.kv.list('k')).entries.map(({ key }) => key),
      ['k'],
    )
    const [view] = await b.groups()
    assert.equal(view?.decision?.reason.code, 'GROW')

    // The leader hands over before it goes.
    const leader = [a, b, c].find(node => node.status().peer === view?.leader)
    const others = [a, b, c].filter(node => node !== leader)
    await leader?.stop()
    await others[0]?.kv.put('k', fromUtf8('without it'), { deadlineMs: 2_000 })
    assert.equal(toUtf8((await others[1]?.kv.get('k'))?.value ?? fromUtf8('')), 'without it')
  }))

test('a storage member never votes, and takes no part in the map', () =>
  withPeers(async start => {
    const a = await start('a')
    const full = await a.invite({ uses: 2 })
    const storage = await a.invite({ role: 'storage' })
    const s = await start('s', storage)
    await rejectsWith('NOT_AUTHORISED', s.kv.get('k'))
    assert.deepEqual(await s.groups(), [])
    await Promise.all([start('b', full), start('c', full)])
    await eventually('three vote', async () => (await votersOf(a)).length === 3, 20_000)
    assert.deepEqual(await votersOf(a), ['a', 'b', 'c'])
  }))

test('the system group is founded once: a founder that lost its log does not found another', () =>
  withPeers(async (start, root) => {
    const a = await start('a')
    await a.kv.put('k', fromUtf8('v'))
    const [before] = await a.groups()
    await a.stop()
    await a.start()
    assert.equal(toUtf8((await a.kv.get('k'))?.value ?? fromUtf8('')), 'v')
    assert.equal((await a.groups())[0]?.members[0]?.replica, before?.members[0]?.replica)
    await a.stop()
    rmSync(join(root, 'a', 'consensus'), { recursive: true })
    await a.start()
    assert.deepEqual(await a.groups(), [])
    await rejectsWith('BUSY', a.kv.put('k', fromUtf8('w'), { deadlineMs: 300 }))
  }))
