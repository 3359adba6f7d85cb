import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { root } from '../support/checkout.ts'
import { sharedGateway, withGateway } from '../support/gateway-scene.ts'
import { documentedMetrics, metricsPage } from '../support/metrics-page.ts'

const shared = sharedGateway()

/** The value of one series; undefined if it is not told. */
async function valueOf(series: string): Promise<number | undefined> {
  const { ask, bearer } = shared()
  const { body } = await ask('/metrics', { headers: bearer })
  const line = body.split('\n').find(each => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

const countOf = async (series: string): Promise<number> => (await valueOf(series)) ?? 0

test('docs/metrics.md says what there is; HOLDFAST_REWRITE=1 writes it anew', () => {
  const path = join(root, 'docs', 'metrics.md')
  if (process.env['HOLDFAST_REWRITE'] !== undefined) writeFileSync(path, metricsPage())
  assert.equal(readFileSync(path, 'utf8'), metricsPage())
})

test('a peer tells every metric that is documented, and no other', async () => {
  const { ask, bearer } = shared()
  const { status, body, headers } = await ask('/metrics', { headers: bearer })
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const told = [...body.matchAll(/^# TYPE (.+)$/gm)].map(([, about]) => about)
  const names = documentedMetrics.map(({ name, kind }) => `${name} ${kind}`)
  assert.deepEqual(new Set(told), new Set(names))
  assert.equal(told.length, names.length)
})

test('metrics are for everybody where it is told so, and nothing else is', () =>
  withGateway(
    async ({ ask }) => {
      assert.equal((await ask('/metrics')).status, 200)
      assert.equal((await ask('/api/v1/status')).status, 401)
      assert.equal((await ask('/metrics', { method: 'POST' })).status, 405)
    },
    { metricsAreOpen: true },
  ))

test('metrics are not for everybody', async () => {
  const { ask } = shared()
  assert.equal((await ask('/metrics')).status, 401)
})

test('a peer alone knows itself, leads its group, and keeps time', async () => {
  assert.equal(await valueOf('holdfast_peers{state="alive"}'), 1)
  assert.equal(await valueOf('holdfast_raft_is_leader{group="system"}'), 1)
  assert.ok((await countOf('holdfast_raft_commit_index{group="system"}')) > 0)
  assert.ok((await countOf('holdfast_wal_sync_seconds_count')) > 0)
  assert.ok((await countOf('holdfast_process_open_fds')) > 0)
  const statuses = ['INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED']
  const held = await Promise.all(
    statuses.map(status => countOf(`holdfast_clock_status{status="${status}"}`)),
  )
  assert.equal(
    held.reduce((sum, value) => sum + value),
    1,
  )
})

test('requests are counted by face, method and status, errors by their code', async () => {
  const { ask, bearer } = shared()
  const good = 'holdfast_http_request_seconds_count{face="api",method="GET",status="2xx"}'
  const bad = 'holdfast_http_request_seconds_count{face="api",method="GET",status="4xx"}'
  const code = 'holdfast_http_errors_total{face="api",code="NO_SUCH_BUCKET"}'
  const before = await Promise.all([good, bad, code].map(countOf))
  await ask('/api/v1/status', { headers: bearer })
  const { body, headers } = await ask('/api/v1/buckets/nowhere', {
    headers: { ...bearer, 'x-request-id': 'mine-1' },
  })
  assert.equal(headers['x-request-id'], 'mine-1')
  assert.match(body, /"requestId":"mine-1"/)
  const after = await Promise.all([good, bad, code].map(countOf))
  assert.deepEqual(
    after,
    before.map(value => value + 1),
  )
})

test('calls of the store are timed, and their failures counted', async () => {
  const { node } = shared()
  const done = 'holdfast_store_operation_seconds_count{operation="createBucket",outcome="done"}'
  const failed = 'holdfast_store_operation_seconds_count{operation="createBucket",outcome="failed"}'
  const before = await Promise.all([done, failed].map(countOf))
  await node.createBucket('counted')
  await assert.rejects(node.createBucket('counted'))
  assert.deepEqual(await Promise.all([done, failed].map(countOf)), [
    (before[0] ?? 0) + 1,
    (before[1] ?? 0) + 1,
  ])
  assert.equal(await valueOf('holdfast_store_errors_total{code="BUCKET_EXISTS"}'), 1)
})

for (const [what, id] of [
  ['a line break', 'a b'],
  ['nothing', ''],
  ['a kilobyte', 'x'.repeat(1024)],
  ['quotes', '"}'],
] as const)
  test(`a request id with ${what} is replaced by one of ours`, async () => {
    const { ask, bearer } = shared()
    const headers = { ...bearer, 'x-request-id': id }
    const told = await ask('/api/v1/status', { headers })
    assert.match(String(told.headers['x-request-id']), /^[0-9A-F]{16}$/)
  })

test('methods that nobody knows make no series of their own', async () => {
  const { ask, bearer } = shared()
  for (const method of ['PROPFIND', 'MKCOL', 'PURGE'])
    await ask('/api/v1/status', { method, headers: bearer })
  const { body } = await ask('/metrics', { headers: bearer })
  assert.ok(!/method="(PROPFIND|MKCOL|PURGE)"/.test(body))
  assert.match(body, /method="other"/)
})
