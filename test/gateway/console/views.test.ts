import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { InviteView } from '../../../src/gateway/console/views/actions.ts'
import type { ClocksView } from '../../../src/gateway/console/views/clocks.ts'
import type { MatrixView, VerifyView } from '../../../src/gateway/console/views/fragments.ts'
import type { GroupRow } from '../../../src/gateway/console/views/groups.ts'
import type { OverviewView } from '../../../src/gateway/console/views/overview.ts'
import type { HeldPage, PeerDetail, PeerRow } from '../../../src/gateway/console/views/peers.ts'
import type { DrainPlan } from '../../../src/gateway/console/views/repairs.ts'
import { type Asked, type Scene, sharedGateway, type Told } from '../../support/gateway-scene.ts'

const shared = sharedGateway()
/** Longer than anything here takes on a busy machine. */
const EVENTUALLY_MS = 20_000

const hostile = [
  '<img src=x onerror=alert(1)>',
  '\u202Egnp.exe',
  '"; DROP TABLE peers; --',
  '__proto__',
  'a\nb\u0000\u001B[2J',
]

async function ask<View>(scene: Scene, path: string, asked: Asked = {}): Promise<View> {
  const answer = await tell(scene, path, asked)
  assert.ok(answer.status < 300, answer.body)
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  return JSON.parse(answer.body) as View
}

const tell = ({ ask: send, bearer }: Scene, path: string, asked: Asked = {}): Promise<Told> =>
  send(path, {
    ...asked,
    headers: { ...bearer, 'content-type': 'application/json', ...asked.headers },
  })

const asJson = (method: string, body: object): Asked => ({ method, body: JSON.stringify(body) })

/** This peer, once it has its seat. */
async function ownRow(scene: Scene): Promise<PeerRow> {
  await scene.node.createBucket('seats').catch(() => undefined)
  const place = { bucket: 'seats', key: 'a' }
  await scene.node.head(place).catch(() => scene.node.put(place, new Uint8Array(10_000)))
  const [row] = await ask<PeerRow[]>(scene, '/api/v1/peers')
  assert.ok(row)
  return row
}

test('a peer is told with its seat, its space, its load and what its score is made of', async () => {
  const row = await ownRow(shared())
  assert.equal(row.isSelf, true)
  assert.equal(row.seat, 1)
  assert.ok((row.space?.freeBytes ?? 0) > 0)
  assert.equal(row.why, 'this peer')
  assert.ok(Date.parse(row.since ?? '') <= Date.now())
  const factors = Object.values(row.stability?.factors ?? {})
  assert.equal(factors.length, 5)
  const product = factors.reduce((score, factor) => score * factor, 1)
  assert.ok(Math.abs(product - (row.score ?? 0)) < 1e-12)
})

test('a peer is told by its id and by its name, with its groups', async () => {
  const scene = shared()
  const { peer, name } = await ownRow(scene)
  for (const path of [peer, encodeURIComponent(name)]) {
    const detail = await ask<PeerDetail>(scene, `/api/v1/peers/${path}`)
    assert.equal(detail.peer.peer, peer)
    assert.deepEqual(
      detail.groups.map(({ group, role }) => [group, role]),
      [
        [0, 'leader'],
        [1, 'leader'],
      ],
    )
  }
  assert.equal((await tell(scene, '/api/v1/peers/nobody')).status, 404)
})

test('a peer is called what people want, whatever that is, until they take it back', async () => {
  const scene = shared()
  const { peer, name: before } = await ownRow(scene)
  for (const name of hostile) {
    await ask(scene, `/api/v1/peers/${peer}`, asJson('PATCH', { name }))
    const row = await eventually(scene, each => each.name === name)
    assert.equal(row.peer, peer)
    assert.equal((await ask<{ name: string }>(scene, '/api/v1/status')).name, name)
  }
  await ask(scene, `/api/v1/peers/${peer}`, asJson('PATCH', { name: '' }))
  await eventually(scene, each => each.name === before)
})

test('a name that is too long, or none, changes nothing', async () => {
  const scene = shared()
  const { peer, name } = await ownRow(scene)
  for (const body of [{ name: 'x'.repeat(10_000) }, { name: 'ä'.repeat(33) }, {}, { name: 1 }])
    assert.equal((await tell(scene, `/api/v1/peers/${peer}`, asJson('PATCH', body))).status, 400)
  assert.equal((await ownRow(scene)).name, name)
})

test('of what the map has for a name, as much is shown as a name can be', async () => {
  const scene = shared()
  const { peer, name } = await ownRow(scene)
  const key = `seats/names/${peer}`
  await scene.node.kv.put(key, new TextEncoder().encode('n'.repeat(10_000)))
  await eventually(scene, each => each.name === 'n'.repeat(64))
  await scene.node.kv.put(key, Uint8Array.of(255, 254))
  await eventually(scene, each => each.name === '\uFFFD\uFFFD')
  await scene.node.kv.delete(key)
  await eventually(scene, each => each.name === name)
})

/** Renames come by the replicated map, in no time, but not in this turn. */
async function eventually(scene: Scene, holds: (row: PeerRow) => boolean): Promise<PeerRow> {
  const look = async (): Promise<PeerRow | undefined> =>
    (await ask<PeerRow[]>(scene, '/api/v1/peers'))[0]
  const row = await eventualView(look, each => each !== undefined && holds(each))
  assert.ok(row)
  return row
}

test('what a peer holds comes page by page', async () => {
  const scene = shared()
  const { peer } = await ownRow(scene)
  for (const key of ['<b>', 'b', 'c'])
    await scene.node.put({ bucket: 'seats', key }, new Uint8Array(10_000))
  const path = `/api/v1/peers/${peer}/fragments`
  const all = await ask<HeldPage>(scene, path)
  assert.deepEqual(all.fragments.map(({ key }) => key).toSorted(), ['<b>', 'a', 'b', 'c'])
  assert.deepEqual([all.fragments[0]?.kind, all.fragments[0]?.margin], ['data', 0])
  const paged: string[] = []
  for (let next: string | undefined = ''; next !== undefined;) {
    const after: string = next === '' ? '' : `&after=${next}`
    const page: HeldPage = await ask<HeldPage>(scene, `${path}?limit=1${after}`)
    paged.push(...page.fragments.map(({ key }) => key))
    next = page.next
  }
  assert.deepEqual(
    paged,
    all.fragments.map(({ key }) => key),
  )
  for (const bad of ['limit=0', 'limit=501', 'after=x', 'after=1.zz', 'after=1.0', 'other=1'])
    assert.equal((await tell(scene, `${path}?${bad}`)).status, 400, bad)
})

test('a dry run says what a drain would move, and moves nothing', async () => {
  const scene = shared()
  const { peer } = await ownRow(scene)
  const plan = await ask<DrainPlan>(scene, '/api/v1/drains', asJson('POST', { peer, dryRun: true }))
  assert.ok(plan.fragments >= 1 && plan.bytes >= 10_000)
  assert.deepEqual([plan.fits, plan.peersElsewhere, plan.isPartial], [false, 0, false])
  assert.deepEqual(await ask(scene, '/api/v1/drains'), [])
})

test('a matrix has a row for each segment, and the bytes of the object in each', async () => {
  const scene = shared()
  await ownRow(scene)
  const sizeBytes = 40_000_000
  await scene.node.put({ bucket: 'seats', key: 'large' }, new Uint8Array(sizeBytes))
  const matrix = await ask<MatrixView>(scene, '/api/v1/matrix/seats/large')
  assert.deepEqual([matrix.segmentsTotal, matrix.segments.length, matrix.next], [3, 3, undefined])
  let at = 0
  for (const segment of matrix.segments) {
    assert.equal(segment.fromBytes, at)
    at += segment.sizeBytes
    assert.deepEqual(segment.cells, [0])
    assert.equal(segment.stripes, Math.ceil(segment.fragmentBytes / matrix.cellBytes))
  }
  assert.equal(at, sizeBytes)
  assert.equal(matrix.segments[0]?.sizeBytes, matrix.segmentBytes)
  assert.equal(matrix.holders.length, 1)
  const page = await ask<MatrixView>(scene, '/api/v1/matrix/seats/large?after=0&limit=1')
  assert.deepEqual(page.segments, [matrix.segments[1]])
  assert.equal(page.next, 1)
  const rest = await ask<MatrixView>(scene, '/api/v1/matrix/seats/large?after=1&limit=1')
  assert.deepEqual([rest.segments, rest.next], [[matrix.segments[2]], undefined])
})

test('the bytes of each segment are told of an object that came in parts, too', async () => {
  const scene = shared()
  await ownRow(scene)
  const { node } = scene
  const upload = await node.createUpload({ bucket: 'seats', key: 'parts' })
  const sizes = [6_000_000, 20_000_000, 1]
  const parts = []
  for (const [at, size] of sizes.entries())
    parts.push(await node.putPart(upload, at + 1, new Uint8Array(size)))
  await node.completeUpload(upload, parts)
  const { segments } = await ask<MatrixView>(scene, '/api/v1/matrix/seats/parts')
  const first = segments[1]?.sizeBytes ?? 0
  assert.deepEqual(
    segments.map(segment => [segment.fromBytes, segment.sizeBytes]),
    [
      [0, 6_000_000],
      [6_000_000, first],
      [6_000_000 + first, 20_000_000 - first],
      [26_000_000, 1],
    ],
  )
})

test('a small object has no matrix: it rides in the log', async () => {
  const scene = shared()
  await ownRow(scene)
  await scene.node.put({ bucket: 'seats', key: 'small' }, new Uint8Array(10))
  const matrix = await ask<MatrixView>(scene, '/api/v1/matrix/seats/small')
  assert.deepEqual([matrix.isInline, matrix.segments, matrix.segmentsTotal], [true, [], 0])
})

test('clocks are told of all peers, and the sources of this one', async () => {
  const scene = shared()
  await ownRow(scene)
  const { own, peers } = await ask<ClocksView>(scene, '/api/v1/clocks')
  assert.equal(peers.length, 1)
  assert.equal(typeof own.driftPpm, 'number')
})

test('an invite comes with the command to paste, and its end', async () => {
  const body = { uses: 2, expiresInMs: 60_000 }
  const invite = await ask<InviteView>(shared(), '/api/v1/invites', asJson('POST', body))
  assert.equal(invite.command, `holdfast up --join ${invite.token}`)
  const leftMs = Date.parse(invite.expiresAt) - Date.now()
  assert.ok(leftMs > 50_000 && leftMs <= 60_000)
})

test('the overview says in one sentence what may be lost, and what to do about it', async () => {
  const scene = shared()
  await ownRow(scene)
  const view = await eventualView<OverviewView>(
    () => ask<OverviewView>(scene, '/api/v1/overview'),
    ({ data }) => data.countedMsAgo !== null && data.segments > 0 && data.objects !== null,
  )
  assert.equal(view.level, 'at risk')
  assert.match(view.sentence, /^All [\d,]+ objects are on one peer only: let another one join$/)
  assert.deepEqual([view.data.tolerance, view.groups.tolerance], [0, 0])
  // Other tests of this process may hold up its loop, which the clock then says.
  assert.deepEqual(
    view.attention.map(({ id }) => id).filter(id => !id.startsWith('clock ')),
    ['alone'],
  )
  assert.ok(view.capacity.usableFreeBytes > 0)
  assert.deepEqual(view.capacity.scheme, { k: 1, m: 0 })
})

test('groups are told with their ranges, and what became of them', async () => {
  const scene = shared()
  const [system, catalog] = await ask<GroupRow[]>(scene, '/api/v1/groups')
  assert.deepEqual([system?.range, catalog?.range?.epoch], [undefined, 1])
  assert.deepEqual(
    system?.history.map(({ type }) => type),
    ['leader'],
  )
  assert.equal(system?.tolerance, 0)
})

/** Counts and audits take a second or so: asked again at the pace of answers. */
async function eventualView<View>(
  look: () => Promise<View>,
  holds: (view: View) => boolean,
): Promise<View> {
  const endMs = performance.now() + EVENTUALLY_MS
  for (;;) {
    const view = await look()
    if (holds(view)) return view
    if (performance.now() > endMs) throw new Error('the view does not become what it should')
  }
}

test('holders prove what they have when they are asked', async () => {
  const scene = shared()
  await ownRow(scene)
  const path = '/api/v1/verify/seats/a'
  const view = await ask<VerifyView>(scene, path, asJson('POST', { segment: 0 }))
  assert.deepEqual(
    view.fragments.map(({ index, outcome, cell }) => [index, outcome, cell]),
    [[0, 'ok', 0]],
  )
  for (const body of [{ segment: 1 }, { segment: -1 }, {}, { segment: 0, all: true }])
    assert.equal((await tell(scene, path, asJson('POST', body))).status, 400)
  const none = await tell(scene, '/api/v1/verify/seats/none', asJson('POST', { segment: 0 }))
  assert.equal(none.status, 404)
})

test('a matrix tells when an audit has found a fragment', async () => {
  const scene = shared()
  await ownRow(scene)
  const before = Date.now()
  const matrix = await eventualView<MatrixView>(
    () => ask<MatrixView>(scene, '/api/v1/matrix/seats/a'),
    ({ segments }) => (segments[0]?.verified[0] ?? 0) > 0,
  )
  assert.ok((matrix.segments[0]?.verified[0] ?? 0) > before - 60_000)
})
