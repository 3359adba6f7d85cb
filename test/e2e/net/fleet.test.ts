import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { NetworkHost } from '../../../src/net/network-host.ts'
import { eventually, withHosts } from '../../support/hosts.ts'

const HOSTS = 50
/** How many times the promised time may be taken: 1 on a machine of one's own, more on a shared one. */
const patience = Number(process.env['HOLDFAST_PATIENCE'] ?? 1)
const LIMIT_MS = 60_000 * patience
const LIMIT_BYTES = 1.5 * 2 ** 30

test('fifty hosts in one process are all connected within a minute and 1.5 GB', context =>
  withHosts(async open => {
    const startMs = performance.now()
    const hosts: NetworkHost[] = []
    for (let at = 0; at < HOSTS; at++) hosts.push((await open()).host)
    for (const host of hosts) {
      for (const other of hosts) if (other !== host) host.learn(other.self, other.addresses())
    }
    for (const host of hosts) host.keep(hosts.map(({ self }) => self))
    const missing = (): number =>
      hosts.reduce((sum, host) => sum + HOSTS - 1 - host.connected().length, 0)
    await eventually('a full mesh', () => missing() === 0, LIMIT_MS)
    const [first, ...others] = hosts as [NetworkHost, ...NetworkHost[]]
    for (const host of others) host.onRequest('echo', async (_from, body) => body)
    const request = { body: new Uint8Array(100), deadlineMs: 10_000 }
    const answers = others.map(({ self }) => first.request(self, 'echo', request))
    assert.equal((await Promise.all(answers)).length, HOSTS - 1)
    const elapsedMs = performance.now() - startMs
    const { rss } = process.memoryUsage()
    assert.ok(elapsedMs < LIMIT_MS, `${elapsedMs} ms`)
    assert.ok(rss < LIMIT_BYTES, `${rss} bytes`)
    context.diagnostic(`${Math.round(elapsedMs)} ms, ${Math.round(rss / 2 ** 20)} MiB`)
  }))
