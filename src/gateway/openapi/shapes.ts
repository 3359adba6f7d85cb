import {
  choice,
  counts,
  flag,
  list,
  natural,
  number,
  orNull,
  output,
  type Schema,
  text,
  texts,
  time,
} from './schema.ts'

/** What several answers are made of. */
const audits = output({ ok: natural, wrong: natural, unknown: natural, offline: natural })

export const status: Schema = output({
  version: text,
  state: choice('new', 'starting', 'running', 'stopping', 'stopped', 'failed'),
  peer: text,
  name: text,
  network: text,
  'role?': choice('full', 'storage'),
  zone: text,
  isAuthority: flag,
  dataDirectory: text,
  addresses: list(text),
  startedAt: time,
  uptimeMs: natural,
  'certificateUntil?': time,
  peers: counts,
  connections: natural,
  refusals: counts,
})

const clockStatus = choice('INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED')

export const clock: Schema = output({
  status: clockStatus,
  basis: text,
  atMs: number,
  offsetMs: number,
  boundMs: orNull(number),
  driftPpm: number,
  driftErrorPpm: number,
  lastSyncMs: orNull(number),
  pollEveryMs: number,
  sources: list(output({ kind: choice('server', 'peer'), name: text, verdict: text })),
  rejectedStamps: natural,
  contradictions: natural,
  disturbances: natural,
  stamps: output({ isReady: flag, waitMs: number }),
})

export const peer: Schema = output({
  peer: text,
  isSelf: flag,
  name: text,
  state: choice('alive', 'suspect', 'dead', 'left', 'unknown'),
  membership: choice('member', 'expired', 'banned'),
  'role?': choice('full', 'storage'),
  zone: text,
  version: text,
  addresses: list(text),
  isConnected: flag,
  'rttMs?': number,
  'score?': number,
  'clock?': output({ status: clockStatus, offsetMs: number, boundMs: orNull(number) }),
})

export const group: Schema = output({
  group: natural,
  name: text,
  seenBy: text,
  role: choice('follower', 'candidate', 'leader'),
  'leader?': text,
  term: natural,
  commit: natural,
  applied: natural,
  members: list(
    output({ peer: text, replica: text, role: choice('leader', 'voter', 'outgoing', 'learner') }),
  ),
  holds: list(text),
})

export const bucket: Schema = output({
  name: text,
  created: time,
  owner: text,
  versioning: choice('off', 'enabled', 'suspended'),
  hasLock: flag,
})

export const written: Schema = output({
  version: text,
  etag: text,
  sizeBytes: natural,
  modified: time,
})

export const object: Schema = output({
  bucket: text,
  key: text,
  version: text,
  sizeBytes: natural,
  etag: text,
  modified: time,
  headers: texts,
  tags: texts,
})

const listed = { key: text, version: text, sizeBytes: natural, etag: text, modified: time }

export const objectPage: Schema = output({
  objects: list(output(listed)),
  prefixes: list(text),
  'next?': text,
})
export const versionPage: Schema = output({
  versions: list(output({ ...listed, isLatest: flag, isMarker: flag })),
  prefixes: list(text),
})
export const upload: Schema = output({ bucket: text, key: text, upload: text })

export const placement: Schema = output({
  bucket: text,
  key: text,
  version: text,
  sizeBytes: natural,
  isInline: flag,
  segmentsTotal: natural,
  segments: list(
    output({
      segment: natural,
      k: natural,
      m: natural,
      margin: { type: 'integer' },
      fragments: list(output({ index: natural, kind: choice('data', 'parity'), id: text })),
    }),
  ),
})

export const upkeep: Schema = output({
  waiting: natural,
  running: natural,
  short: natural,
  repairedSegments: natural,
  repairedBytes: natural,
  audits,
  scrub: output({ fragments: natural, findings: natural }),
  garbage: natural,
})

const span = output({ fullest: number, emptiest: number })
export const rebalance: Schema = output({
  moves: natural,
  bytes: natural,
  before: span,
  after: span,
})

export const accessKey: Schema = output({
  id: text,
  name: text,
  createdMs: natural,
  rights: list(output({ bucket: text, prefix: text, allows: list(text) })),
})

/** Every answer that tells of an error. */
export const failure: Schema = output({
  error: output({ code: text, message: text, 'details?': { type: 'object' }, requestId: text }),
})
