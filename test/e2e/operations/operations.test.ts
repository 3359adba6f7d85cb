import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { root, run, scratchFolder } from '../../support/checkout.ts'
import { programMissing } from '../../support/deploy-tools.ts'
import {
  buildProgram,
  eventually,
  freePort,
  killAll,
  type PeerProcess,
  startFleet,
} from '../../support/processes.ts'

/**
 * Three peers as somebody would run them for real: TLS by the network's own authority, an access log,
 * a Prometheus that scrapes all three, and clients that trust one certificate.
 */
describe('three peers that are operated', { skip: programMissing('prometheus') }, () => {
  const folder = scratchFolder()
  const accessLog = join(folder, 'access.log')
  let peers: readonly PeerProcess[] = []
  let prometheus: ChildProcess | undefined
  let url = ''

  before(async () => {
    const flags = ['--tls', '--access-log', accessLog]
    ;({ peers } = await startFleet(buildProgram(), 3, flags))
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    writeFileSync(join(folder, 'prometheus.yml'), scraping(peers))
    const args = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ]
    prometheus = spawn('prometheus', args, { stdio: 'ignore' })
  })
  after(async () => {
    prometheus?.kill('SIGKILL')
    await killAll()
  })

  /** The values of a query, one for each series. */
  async function query(text: string): Promise<readonly number[]> {
    try {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`)
      const { data } = (await response.json()) as {
        data: { result: readonly { value: readonly [number, string] }[] }
      }
      return data.result.map(({ value: [, number] }) => Number(number))
    } catch {
      // It is not up yet.
      return []
    }
  }

  /** What everything at a query comes to be. */
  async function becomes(text: string, wanted: readonly number[]): Promise<void> {
    let last: readonly number[] = []
    await eventually(
      async () => {
        last = (await query(text)).toSorted((a, b) => a - b)
        return JSON.stringify(last) === JSON.stringify(wanted)
      },
      30_000,
      () => `${text} is ${JSON.stringify(last)}, not ${JSON.stringify(wanted)}`,
    )
  }

  const curl = (args: string): ReturnType<typeof run> =>
    run(`curl -sS --cacert ${peers[0]?.data}/gateway-ca.pem ${args}`, folder)

  test('Prometheus scrapes them over TLS with their tokens', () => becomes('up', [1, 1, 1]))

  test('all of them see three peers, and one leads', async () => {
    await becomes('holdfast_peers{state="alive"}', [3, 3, 3])
    await becomes('sum(holdfast_raft_is_leader{group="system"})', [1])
    await becomes('max(holdfast_raft_voters{group="system"})', [3])
  })

  test('what is stored shows in the numbers of all', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, new Uint8Array(1_000_000).fill(3))
    const [first] = peers
    assert.equal(first?.command('buckets create measured').status, 0)
    const { status, stderr } = first?.command(`put ${file} measured/file`) ?? {}
    assert.equal(status, 0, stderr)
    await becomes('sum(holdfast_fragments) > bool 2', [1])
    await becomes('sum(holdfast_wal_sync_seconds_count > bool 0)', [3])
    await becomes('sum(holdfast_http_errors_total{code="INTERNAL"}) or vector(0)', [0])
  })

  test('promtool finds nothing to complain of', () => {
    const { data = '', announcement } = peers[0] ?? {}
    const token = readFileSync(join(data, 'api-token'), 'utf8').trim()
    const metrics = `${announcement?.gateway}/metrics`
    const check = `curl -sS --cacert ${data}/gateway-ca.pem -H "authorization: Bearer ${token}" ${metrics} | promtool check metrics`
    const { status, stdout, stderr } = run(check, root)
    assert.equal(status, 0, stdout + stderr)
    assert.equal(stdout + stderr, '')
  })

  test('one certificate of the network is good for all of its gateways, and for no others', () => {
    for (const { announcement } of peers) {
      const { stdout, stderr } = curl(`${announcement?.gateway}/readyz`)
      assert.equal(stdout, '{"status":"running"}\n', stderr)
    }
    const untrusted = run(`curl -sS ${peers[0]?.announcement?.gateway}/readyz`, folder)
    assert.notEqual(untrusted.status, 0)
    const printed = peers[1]?.command('authority').stdout ?? ''
    assert.match(printed, /^-----BEGIN CERTIFICATE-----\n/)
  })

  test('the access log says who asked for what, and is made anew when it was rotated', async () => {
    const asked = (): boolean =>
      readFileSync(accessLog, 'utf8').includes('"path":"/api/v1/objects/measured/file"')
    assert.ok(asked())
    run(`mv ${accessLog} ${accessLog}.1`, folder)
    for (const peer of peers) peer.kill('SIGHUP')
    await eventually(
      async () => {
        curl(`-H 'x-request-id: after' ${peers[0]?.announcement?.gateway}/healthz`)
        return run(`grep -c after ${accessLog}`, folder).status === 0
      },
      10_000,
      () => 'no new access log',
    )
  })

  test('without a majority a peer is not ready, and says so; the process is still well', async () => {
    const [first, ...others] = peers
    for (const peer of others) peer.kill('SIGSTOP')
    const status = (path: string): string =>
      curl(`-o /dev/null -w '%{http_code}' ${first?.announcement?.gateway}${path}`).stdout
    await eventually(
      async () => status('/readyz') === '503',
      20_000,
      () => 'it is ready all the same',
    )
    assert.equal(status('/healthz'), '200')
    for (const peer of others) peer.kill('SIGCONT')
    await eventually(
      async () => status('/readyz') === '200',
      30_000,
      () => 'it does not become ready again',
    )
  })

  test('a peer that is told to stop ends as it was told', async () => {
    const [first] = peers
    first?.kill('SIGTERM')
    assert.deepEqual(await first?.exited, { code: 0, signal: null })
  })
})

const scraping = (peers: readonly PeerProcess[]): string =>
  [
    'global: { scrape_interval: 1s }',
    'scrape_configs:',
    ...peers.flatMap(({ name, data, announcement }) => [
      `  - job_name: ${name}`,
      '    scheme: https',
      `    tls_config: { ca_file: ${data}/gateway-ca.pem }`,
      `    authorization: { credentials_file: ${data}/api-token }`,
      `    static_configs: [{ targets: ['${new URL(announcement?.gateway ?? '').host}'] }]`,
    ]),
    '',
  ].join('\n')
