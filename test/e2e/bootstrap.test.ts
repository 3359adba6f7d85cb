import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { run, scratchFolder } from '../support/checkout.ts'
import { allSee, buildProgram, killAll, PeerProcess } from '../support/processes.ts'

const NAMES = ['one', 'two', 'three']

/** Ports that are free now; a list of peers has to say them beforehand. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => {
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    return address.port
  })
  await Promise.all(servers.map(server => new Promise(resolve => void server.close(resolve))))
  return ports
}

/** What a machine that sets up a rack does: it asks each directory who its peer is. */
describe('peers that found a network together', () => {
  const folder = scratchFolder()
  let main = ''
  before(() => {
    main = buildProgram()
  })
  after(killAll)

  const holdfast = (args: string) => run(`node ${JSON.stringify(main)} ${args}`, folder)

  test('are one network, without an invite, and stay it', async () => {
    const ports = await freePorts(NAMES.length)
    const ids = NAMES.map(name => holdfast(`id --data ${name}`).stdout.trim())
    const list = ids.map((id, at) => `/ip4/127.0.0.1/tcp/${ports[at]}/p2p/${id}`).join(',')
    const start = (name: string, at: number): PeerProcess => {
      const here = ['--listen', `127.0.0.1:${ports[at]}`, '--gateway', '127.0.0.1:0']
      const together = ['--bootstrap-expect', '3', '--bootstrap', list, '--profile', 'fast']
      const flags = [...here, ...together]
      return new PeerProcess(name, { main, data: join(folder, name), flags })
    }
    const peers = NAMES.map(start)
    await Promise.all(peers.map(peer => peer.ready()))
    assert.deepEqual(
      peers.map(({ id }) => id),
      ids,
    )
    await allSee(peers, 20_000)
    const [first, ...others] = peers
    assert.ok(first)
    first.kill('SIGKILL')
    await first.exited
    const again = start('one', 0)
    await again.ready()
    await allSee([again, ...others], 20_000)
  })

  test('need the list, the number and where to listen', () => {
    for (const [args, complaint] of [
      ['--bootstrap-expect 2', /Cannot use bootstrap: .*there is none/],
      ['--bootstrap /ip4/127.0.0.1/tcp/1/p2p/x', /Cannot use bootstrap-expect/],
      ['--bootstrap x --bootstrap-expect 2', /it needs listen/],
      ['--bootstrap x --bootstrap-expect 2 --listen 127.0.0.1:0', /is no address of a peer/],
      ['--bootstrap x --bootstrap-expect 2 --join hf1x', /there is an invite already/],
    ] as const) {
      const { status, stderr } = holdfast(`up --data four ${args}`)
      assert.equal(status, 2, stderr)
      assert.match(stderr, complaint)
    }
  })
})
