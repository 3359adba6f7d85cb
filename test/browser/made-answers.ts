import type { ClocksView } from '../../src/gateway/console/views/clocks.ts'
import type { MatrixView } from '../../src/gateway/console/views/fragments.ts'
import type { GroupRow } from '../../src/gateway/console/views/groups.ts'
import type { HistoryView } from '../../src/gateway/console/views/history.ts'
import type { BucketRow, ObjectPage, ObjectView } from '../../src/gateway/console/views/objects.ts'
import type { OverviewView } from '../../src/gateway/console/views/overview.ts'
import type { HeldPage, PeerDetail, PeerRow } from '../../src/gateway/console/views/peers.ts'
import type { RepairRow } from '../../src/gateway/console/views/repairs.ts'
import type { SessionView } from '../../src/gateway/console/views/session.ts'

/** How large the network is that does not exist. */
export interface MadeNetwork {
  readonly peers: number
  readonly objects: number
  readonly segments: number
  /** What peers, zones, buckets and objects are called instead of by plain names. */
  readonly names?: readonly string[]
}

const k = 10
const m = 5
const AT_MS = Date.UTC(2026, 10, 20, 12)
const at = new Date(AT_MS).toISOString()
const SEGMENT_BYTES = 256 * 65_520
const PAGE = 1000

/** What a gateway of such a network would answer; undefined for paths it does not have. */
export function madeAnswers(
  network: MadeNetwork,
): (path: string, query: URLSearchParams) => unknown {
  const { names } = network
  const nameAt = (plain: string, index: number): string => names?.[index % names.length] ?? plain
  const peers = Array.from({ length: network.peers }, (_, seat) => ({
    ...madePeer(seat),
    name: nameAt(`peer-${seat}`, seat),
    zone: nameAt(`rack-${seat % 8}`, seat),
    why: nameAt('answers', seat),
  }))
  const fixed: Readonly<Record<string, unknown>> = {
    '/api/v1/session': session,
    '/api/v1/overview': overviewOf(network, peers),
    '/api/v1/peers': peers,
    '/api/v1/groups': [madeGroup(peers, 0), madeGroup(peers, 1)],
    '/api/v1/clocks': clocksOf(peers),
    '/api/v1/history': history,
    '/api/v1/repairs': Array.from({ length: 200 }, (_, number) => ({
      ...madeRepair(peers, number),
      key: nameAt(`film-${number}.mp4`, number),
    })),
    '/api/v1/buckets': names?.map(name => ({ ...bucket, name, owner: name })) ?? [bucket],
    '/api/v1/buckets/films/usage': usageOf(network),
    '/api/v1/buckets/films/versions': { versions: [], prefixes: [] },
  }
  return (path, query) => {
    if (path in fixed) return fixed[path]
    if (path === '/api/v1/buckets/films/objects') return objectPage(network, query)
    if (path.endsWith('/objects')) return hostilePage(names ?? [])
    if (path.startsWith('/api/v1/matrix/')) return matrixOf(network, peers)
    if (path.startsWith('/api/v1/stat/')) return statOf(network)
    if (path.endsWith('/fragments')) return { fragments: [] } satisfies HeldPage
    const peer = peers.find(row => path === `/api/v1/peers/${row.peer}`)
    return peer === undefined ? undefined : detailOf(peer)
  }
}

const session: SessionView = {
  csrf: 'made',
  expiresAt: at,
  peer: peerId(0),
  name: 'peer-0',
  version: '0.1.0',
  network: '0'.repeat(64),
  dataDirectory: './holdfast-data',
  isAuthority: true,
  program: 'holdfast',
}

function peerId(seat: number): string {
  return `12D3KooW${seat.toString(36).padStart(44, 'Q')}`
}

function madePeer(seat: number): PeerRow {
  const state = seat % 97 === 96 ? 'dead' : seat % 61 === 60 ? 'suspect' : 'alive'
  return {
    peer: peerId(seat),
    isSelf: seat === 0,
    name: `peer-${seat}`,
    state,
    sinceMs: 60_000 * (seat + 1),
    why: state === 'alive' ? 'answers' : 'did not answer, nor through others',
    membership: 'member',
    role: seat % 5 === 4 ? 'storage' : 'full',
    zone: `rack-${seat % 8}`,
    version: '0.1.0',
    addresses: [`/ip4/10.0.${seat >> 8}.${seat & 255}/tcp/4801`],
    isConnected: state === 'alive',
    rttMs: 0.2 + ((seat * 37) % 400) / 10,
    score: 1 - (seat % 30) / 100,
    clock: { status: 'SYNCED', offsetMs: ((seat % 21) - 10) / 20, boundMs: 0.4 + (seat % 7) / 10 },
    seat,
    space: { usedBytes: (seat % 80) * 1e9, freeBytes: 1e11 - (seat % 80) * 1e9 },
    load: {
      load: (seat % 10) / 20,
      health: 0,
      loopLagMs: 0.3,
      diskSyncMs: 1.2,
      isDialable: true,
      ageMs: 400,
    },
    stability: {
      availability: 0.999,
      uptimeMs: 3_600_000 * (seat + 1),
      flaps: 0,
      isFlapping: false,
      responsiveness: 0.98,
      factors: { availability: 0.99, uptime: 0.9, flaps: 1, roundTrip: 0.97, responsiveness: 0.98 },
    },
    sharedBits: seat % 12,
  }
}

function overviewOf(
  { peers, objects, segments }: MadeNetwork,
  rows: readonly PeerRow[],
): OverviewView {
  const count = (state: PeerRow['state']): number => rows.filter(row => row.state === state).length
  return {
    at,
    level: 'repairing',
    sentence: '37 segments are one fragment short; repair done in about 40 s',
    data: {
      objects,
      objectBytes: segments * SEGMENT_BYTES,
      buckets: 1,
      segments,
      tolerance: 4,
      margins: [
        { margin: 4, segments: 37 },
        { margin: 5, segments: segments - 37 },
      ],
      shortSegments: 37,
      missingFragments: 37,
      lostSegments: 0,
      countedMsAgo: 1200,
      groupsHeard: 2,
      groupsTotal: 2,
    },
    groups: { total: 2, withoutLeader: 0, tolerance: 2 },
    repair: {
      waiting: 33,
      running: 4,
      short: 0,
      etaMs: 40_000,
      repairedSegments: 1210,
      repairedBytes: 2.1e9,
      audits: { ok: 52_140, wrong: 0, unknown: 3, offline: 40 },
    },
    peers: {
      alive: count('alive'),
      suspect: count('suspect'),
      dead: count('dead'),
      left: 0,
      unknown: 0,
      banned: 0,
      draining: 0,
    },
    capacity: {
      totalBytes: peers * 1e11,
      usedBytes: peers * 4e10,
      freeBytes: peers * 6e10,
      usableFreeBytes: peers * 4e10,
      scheme: { k, m },
    },
    throughput: { readBytesPerSecond: 84e6, writtenBytesPerSecond: 21e6, requestsPerSecond: 312.4 },
    attention: [
      {
        id: 'dead',
        level: 'warning',
        what: `${count('dead')} peers are dead.`,
        advice:
          'What they held is being made anew. Start them again, or ban them if they are gone.',
        page: 'peers',
      },
    ],
  }
}

function madeGroup(peers: readonly PeerRow[], group: number): GroupRow {
  const members = peers.slice(group, group + 5)
  const leader = members[0]?.peer ?? ''
  return {
    group,
    name: group === 0 ? 'system' : String(group),
    seenBy: leader,
    role: 'leader',
    leader,
    term: 7,
    commit: 120_345,
    applied: 120_345,
    epoch: '',
    members: members.map(({ peer, name, zone }, index) => ({
      peer,
      replica: `${peer}:1`,
      role: index === 0 ? 'leader' : 'voter',
      name,
      zone,
      lag: index,
      heardMsAgo: 20 * index,
      score: 0.97,
    })),
    holds: [],
    history: [{ type: 'leader', at, leader, term: 7, why: 'the one before was silent' }],
    tolerance: 2,
  }
}

const clocksOf = (peers: readonly PeerRow[]): ClocksView => ({
  at,
  own: {
    status: 'SYNCED',
    basis: 'peers',
    atMs: AT_MS,
    offsetMs: 0.02,
    boundMs: 0.6,
    driftPpm: 1.2,
    driftErrorPpm: 0.3,
    lastSyncMs: 3000,
    pollEveryMs: 8000,
    sources: [],
    rejectedStamps: 0,
    contradictions: 0,
    disturbances: 0,
    lastDisturbance: null,
    stamps: { isReady: true, waitMs: 0 },
  },
  peers: peers.flatMap(({ peer, name, isSelf, state, clock, rttMs = 0 }) =>
    clock === undefined ? [] : [{ ...clock, peer, name, isSelf, state, rttMs, ageMs: 900 }],
  ),
})

const history: HistoryView = {
  everyMs: 5000,
  until: at,
  samples: Array.from({ length: 720 }, (_, index) => ({
    atMs: AT_MS - (719 - index) * 5000,
    readBytes: 3e8 + 1e8 * Math.sin(index / 30),
    writtenBytes: 1e8 + 5e7 * Math.cos(index / 50),
    requests: 1200 + (index % 90),
    errors: index % 200 === 0 ? 3 : 0,
    latency: {
      get: { p50Ms: 4, p95Ms: 12 + (index % 9), p99Ms: 30 },
      put: { p50Ms: 9, p95Ms: 30, p99Ms: 62 + (index % 17) },
      list: null,
      head: { p50Ms: 2, p95Ms: 5, p99Ms: 9 },
    },
    repairWaiting: Math.max(0, 60 - Math.abs(index - 400)),
    repairRunning: index > 350 && index < 460 ? 4 : 0,
    repairedBytes: index > 350 && index < 460 ? 4e7 : 0,
    usedBytes: 4e10 + index * 1e6,
    peersAlive: 980,
  })),
}

function madeRepair(peers: readonly PeerRow[], number: number): RepairRow {
  const holder = peers[number % peers.length]?.peer ?? ''
  return {
    number,
    by: peers[0]?.peer ?? '',
    at,
    kind: 'repair',
    bucket: 'films',
    key: `film-${number}.mp4`,
    segment: number,
    fragments: [{ index: 3, peer: holder }],
    bytesRead: 16e6,
    bytesWritten: 1.6e6,
    tookMs: 340,
    outcome: 'done',
    reason: '',
    proofs: [{ index: 3, cell: 5, nonce: '00ff', answer: 'a1b2' }],
  }
}

const bucket: BucketRow = {
  name: 'films',
  created: at,
  owner: 'holdfast',
  versioning: 'off',
  hasLock: false,
}

const usageOf = ({ objects, segments }: MadeNetwork): unknown => ({
  objects,
  versions: objects,
  markers: 0,
  bytes: segments * SEGMENT_BYTES,
  uploads: 0,
})

const keyOf = (index: number): string => `film-${String(index).padStart(7, '0')}.mp4`

function objectPage({ objects }: MadeNetwork, query: URLSearchParams): ObjectPage {
  const after = query.get('after')
  const first = after === null ? 0 : Number(after.slice(5, 12)) + 1
  const end = Math.min(objects, first + PAGE)
  return {
    objects: Array.from({ length: end - first }, (_, index) => ({
      key: keyOf(first + index),
      version: '01',
      sizeBytes: 1e6 + index,
      etag: 'e',
      modified: at,
    })),
    prefixes: [],
    ...(end < objects && { next: keyOf(end - 1) }),
  }
}

const hostilePage = (names: readonly string[]): ObjectPage => ({
  objects: names.map(key => ({ key, version: '01', sizeBytes: 1, etag: 'e', modified: at })),
  prefixes: names.map(name => `${name}/`),
})

const statOf = ({ segments }: MadeNetwork): ObjectView => ({
  bucket: 'films',
  key: keyOf(0),
  version: '01',
  sizeBytes: segments * SEGMENT_BYTES,
  etag: 'e',
  modified: at,
  headers: {},
  tags: {},
  checksums: {},
  parts: 0,
  hasLegalHold: false,
  needsKey: false,
})

function matrixOf({ segments }: MadeNetwork, peers: readonly PeerRow[]): MatrixView {
  const holders = peers.slice(0, 40)
  return {
    bucket: 'films',
    key: keyOf(0),
    version: '01',
    sizeBytes: segments * SEGMENT_BYTES,
    isInline: false,
    segmentBytes: SEGMENT_BYTES,
    cellBytes: 65_520,
    segmentsTotal: segments,
    writtenAt: at,
    holders: holders.map(({ peer, name, zone, seat = 0 }) => ({
      peer,
      name,
      zone,
      seat,
      state: seat === 7 ? 'dead' : seat === 11 ? 'suspect' : 'alive',
    })),
    segments: Array.from({ length: segments }, (_, segment) => ({
      segment,
      fromBytes: segment * SEGMENT_BYTES,
      sizeBytes: SEGMENT_BYTES,
      k,
      m,
      stripes: 26,
      fragmentBytes: 1_690_000,
      margin: m,
      cells: Array.from({ length: k + m }, (__, index) => (segment * 7 + index) % holders.length),
      verified: Array.from({ length: k + m }, () => AT_MS),
      repairing: segment % 40 === 0 ? [3] : [],
    })),
  }
}

const detailOf = (peer: PeerRow): PeerDetail => ({
  peer,
  history: [{ at, what: 'alive', why: 'answers' }],
  audits: { ok: 120, wrong: 0, unknown: 1, offline: 2 },
  groups: [{ group: 0, name: 'system', role: 'voter' }],
})
