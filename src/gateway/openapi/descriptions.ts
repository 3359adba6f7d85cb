import {
  base64,
  choice,
  flag,
  input,
  list,
  natural,
  number,
  orNull,
  output,
  type Schema,
  text,
  texts,
  time,
  whole,
} from './schema.ts'
import {
  accessKey,
  bucket,
  clock,
  group,
  object,
  objectPage,
  peer,
  placement,
  rebalance,
  status,
  upkeep,
  upload,
  versionPage,
  written,
} from './shapes.ts'

/** What is said of a route beyond its method and path. */
export interface Description {
  /** One sentence without a full stop. */
  readonly summary: string
  /** Parameters of the query; all may be missing. */
  readonly query?: Readonly<Record<string, Schema>>
  /** The body that it takes: JSON of this kind, or bytes. */
  readonly body?: Schema | 'bytes'
  /** What it answers with: JSON of this kind, or something else. @default any JSON */
  readonly answer?: Schema | Media
  /** @default 200 */
  readonly status?: 201
}

type Media = 'bytes' | 'events' | 'html' | 'metrics' | 'nothing'

const version = { version: text }
const page = { after: text, limit: natural }
const pageOfSegments = { ...version, after: natural, limit: natural }
const stale = { consistency: choice('linearizable', 'stale') }
const place = { bucket: text, key: text }
const isKept = { 'headers?': texts, 'tags?': texts }
const rights = list(input({ bucket: text, 'prefix?': text, allows: list(text) }))
const kvEntry = output({ key: text, value: base64, revision: natural })

/** By method and path, as routes are named. A test sees to it that none is missing or left over. */
export const descriptions: Readonly<Record<string, Description>> = {
  'GET /healthz': { summary: 'Whether the process is there', answer: output({ status: text }) },
  'GET /readyz': {
    summary: 'Whether requests should be sent here; 503 and why if not',
    answer: output({ status: text }),
  },
  'GET /metrics': { summary: 'Its numbers, for Prometheus', answer: 'metrics' },
  'GET /api/v1/openapi.json': { summary: 'This document', answer: output({ openapi: text }) },
  'GET /api/v1/session': { summary: 'The session of a browser', answer: output({ csrf: text }) },
  'POST /api/v1/session': {
    summary: 'Logs a browser in',
    body: input({ 'code?': text, 'token?': text }),
    answer: output({ csrf: text, expiresAt: time }),
    status: 201,
  },
  'DELETE /api/v1/session': { summary: 'Logs it out', answer: output({ loggedOut: flag }) },
  'POST /api/v1/login-links': {
    summary: 'A link that logs in whoever follows it first, within the hour',
    answer: output({ url: text }),
    status: 201,
  },
  'GET /api/v1/status': { summary: 'This peer', answer: status },
  'GET /api/v1/clock': { summary: 'Its time, and how wrong that may be', answer: clock },
  'GET /api/v1/overview': {
    summary: 'The state of everything in one sentence, and the numbers behind it',
    answer: output({ at: time, level: text, sentence: text }),
  },
  'GET /api/v1/health': {
    summary: 'How safe what is stored is',
    answer: output({ segments: natural }),
  },
  'GET /api/v1/history': {
    summary: 'The last hour of this peer: throughput, latencies, repairs',
    answer: output({ everyMs: natural, until: time, samples: list(output({})) }),
  },
  'GET /api/v1/clocks': {
    summary: 'The times of all peers, by their own word',
    answer: output({ at: time, own: clock, peers: list(output({ peer: text })) }),
  },
  'GET /api/v1/peers': { summary: 'All peers', answer: list(peer) },
  'GET /api/v1/peers/:peer': { summary: 'One of them, by id or name', answer: output({ peer }) },
  'PATCH /api/v1/peers/:peer': {
    summary: 'What people call it from now on; an empty name takes that back',
    body: input({ name: text }),
    answer: output({ peer: text, name: text }),
  },
  'GET /api/v1/peers/:peer/fragments': {
    summary: 'What it holds',
    query: page,
    answer: output({
      fragments: list(output({ ...place, segment: natural, index: natural, id: text })),
      'next?': text,
    }),
  },
  'GET /api/v1/groups': { summary: 'Who leads, who votes', answer: list(group) },
  'POST /api/v1/invites': {
    summary: 'Makes an invite',
    body: input({
      'role?': choice('full', 'storage'),
      'uses?': natural,
      'expiresInMs?': natural,
      'zone?': text,
    }),
    answer: output({ token: text, command: text, expiresAt: time }),
    status: 201,
  },
  'POST /api/v1/bans': {
    summary: 'Bans a peer for good',
    body: input({ peer: text }),
    answer: output({ banned: text }),
  },
  'GET /api/v1/keys': {
    summary: 'The access keys for S3, without their secrets',
    answer: output({ keys: list(accessKey) }),
  },
  'POST /api/v1/keys': {
    summary: 'Makes an access key; its secret is shown only now',
    body: input({ 'name?': text, 'rights?': rights }),
    answer: { ...accessKey, required: ['id', 'secret'] },
    status: 201,
  },
  'POST /api/v1/keys/:id/rotate': {
    summary: 'Another key with the same rights; the old one stays until it is revoked',
    answer: accessKey,
    status: 201,
  },
  'DELETE /api/v1/keys/:id': { summary: 'Revokes a key', answer: output({ revoked: text }) },
  'POST /api/v1/kv/get': {
    summary: 'A value of the replicated map',
    body: input({ key: text }),
    answer: output({ entry: orNull(kvEntry) }),
  },
  'POST /api/v1/kv/put': {
    summary: 'Writes a value',
    body: input({ key: text, value: base64 }),
    answer: output({ revision: natural }),
  },
  'POST /api/v1/kv/delete': {
    summary: 'Removes a value',
    body: input({ key: text }),
    answer: output({ isDeleted: flag }),
  },
  'POST /api/v1/kv/cas': {
    summary: 'Writes or removes a value if the condition holds',
    body: input({
      key: text,
      value: orNull(base64),
      'ifAbsent?': flag,
      'ifRevision?': natural,
      'ifValue?': base64,
    }),
    answer: output({ isWritten: flag }),
  },
  'POST /api/v1/kv/list': {
    summary: 'Keys under a prefix, a page',
    body: input({ prefix: text, 'after?': text }),
    answer: output({ entries: list(kvEntry), isMore: flag }),
  },
  'POST /api/v1/kv/changes': {
    summary: 'What changed under a prefix after a revision',
    body: input({ prefix: text, after: natural }),
    answer: output({ changes: list(output({ key: text, revision: natural })), through: natural }),
  },
  'GET /api/v1/buckets': { summary: 'All buckets', query: stale, answer: list(bucket) },
  'PUT /api/v1/buckets/:bucket': {
    summary: 'Makes a bucket',
    body: input({ 'versioning?': text, 'hasLock?': flag }),
    answer: bucket,
    status: 201,
  },
  'GET /api/v1/buckets/:bucket': { summary: 'Describes it', query: stale, answer: bucket },
  'PATCH /api/v1/buckets/:bucket': {
    summary: 'Changes it',
    body: input({ 'versioning?': text, 'hasLock?': flag, 'retention?': {} }),
    answer: bucket,
  },
  'DELETE /api/v1/buckets/:bucket': {
    summary: 'Deletes it, if it is empty',
    answer: output({ deleted: text }),
  },
  'GET /api/v1/buckets/:bucket/usage': {
    summary: 'How much is in it',
    answer: output({ objects: natural, versions: natural, markers: natural, bytes: natural }),
  },
  'GET /api/v1/buckets/:bucket/objects': {
    summary: 'Its objects, a page',
    query: { prefix: text, delimiter: text, ...page, ...stale },
    answer: objectPage,
  },
  'GET /api/v1/buckets/:bucket/versions': {
    summary: 'All versions of its objects, a page',
    query: { prefix: text, delimiter: text, ...page, afterVersion: text, ...stale },
    answer: versionPage,
  },
  'GET /api/v1/buckets/:bucket/uploads': {
    summary: 'Open uploads, a page',
    query: page,
    answer: output({ uploads: list(upload) }),
  },
  'GET /api/v1/buckets/:bucket/documents/:name': { summary: 'A document of it', answer: 'bytes' },
  'PUT /api/v1/buckets/:bucket/documents/:name': {
    summary: 'Writes it, up to 64 KiB',
    body: 'bytes',
  },
  'DELETE /api/v1/buckets/:bucket/documents/:name': { summary: 'Removes it' },
  'GET /api/v1/objects/:bucket/*key': {
    summary: 'The bytes of an object, or of a range',
    query: { ...version, ...stale },
    answer: 'bytes',
  },
  'HEAD /api/v1/objects/:bucket/*key': {
    summary: 'Its headers',
    query: { ...version, ...stale },
    answer: 'nothing',
  },
  'PUT /api/v1/objects/:bucket/*key': {
    summary: 'Stores the bytes of the body',
    body: 'bytes',
    answer: written,
  },
  'DELETE /api/v1/objects/:bucket/*key': {
    summary: 'Deletes it',
    query: { ...version, bypassesGovernance: flag },
    answer: output({ isMarker: flag }),
  },
  'GET /api/v1/stat/:bucket/*key': {
    summary: 'Describes an object',
    query: { ...version, ...stale },
    answer: object,
  },
  'GET /api/v1/parts/:bucket/*key': {
    summary: 'The parts it was uploaded in',
    query: { ...version, after: natural, limit: natural },
    answer: output({ parts: list(output({})) }),
  },
  'GET /api/v1/placement/:bucket/*key': {
    summary: 'Who holds it',
    query: pageOfSegments,
    answer: placement,
  },
  'GET /api/v1/matrix/:bucket/*key': {
    summary: 'The same in few words, for a picture',
    query: pageOfSegments,
    answer: output({ ...place, holders: list(output({ peer: text })), segments: list(output({})) }),
  },
  'POST /api/v1/verify/:bucket/*key': {
    summary: 'Asks the holders of a segment to prove now that they have their fragments',
    query: version,
    body: input({ segment: natural }),
    answer: output({
      segment: natural,
      fragments: list(output({ index: natural, outcome: text })),
    }),
  },
  'PUT /api/v1/tags/:bucket/*key': {
    summary: 'Replaces the tags of an object',
    query: version,
    body: input({ tags: texts }),
    answer: output({ version: text }),
  },
  'PUT /api/v1/locks/:bucket/*key': {
    summary: 'Locks an object, or lets go of it',
    query: { ...version, bypassesGovernance: flag },
    body: input({ 'retention?': {}, 'hasLegalHold?': flag }),
  },
  'POST /api/v1/links': {
    summary: 'A link by which anybody can read an object, for a while',
    body: input({ ...place, 'version?': text, 'expiresInMs?': natural, 'isDownload?': flag }),
    answer: output({ url: text, expiresAt: time }),
    status: 201,
  },
  'POST /api/v1/copies': {
    summary: 'Copies an object, without its bytes',
    body: input({
      from: input({ ...place, 'version?': text, 'ifMatch?': text, 'ifNoneMatch?': text }),
      to: input(place),
      'ifMatch?': text,
      'ifNoneMatch?': text,
      ...isKept,
    }),
    answer: written,
    status: 201,
  },
  'POST /api/v1/uploads/:bucket/*key': {
    summary: 'Begins an upload; with `upload` in the query, completes it',
    query: { upload: text },
    body: input({ ...isKept, 'parts?': list(input({ part: natural, etag: text })) }),
  },
  'PUT /api/v1/uploads/:bucket/*key': {
    summary: 'The bytes of a part',
    query: { upload: text, part: natural },
    body: 'bytes',
  },
  'GET /api/v1/uploads/:bucket/*key': {
    summary: 'What is there of an upload',
    query: { upload: text, after: natural, limit: natural },
    answer: output({ upload, parts: list(output({})) }),
  },
  'DELETE /api/v1/uploads/:bucket/*key': { summary: 'Gives an upload up', query: { upload: text } },
  'POST /api/v1/part-copies': {
    summary: 'A part out of the bytes of an object',
    body: input({
      upload: input({ ...place, upload: text }),
      part: natural,
      from: input({ ...place, 'version?': text }),
      'first?': natural,
      'end?': natural,
    }),
  },
  'GET /api/v1/upkeep': { summary: 'What there is to repair', answer: upkeep },
  'GET /api/v1/repairs': {
    summary: 'The repair ledger, newest first',
    query: { limit: natural },
    answer: list(output({ number: natural, by: text, kind: text, outcome: text })),
  },
  'GET /api/v1/drains': {
    summary: 'Who is being emptied',
    answer: list(output({ peer: text, state: choice('draining', 'drained') })),
  },
  'POST /api/v1/drains': {
    summary: 'Empties a peer; with `dryRun` only says what would move',
    body: input({ peer: text, 'dryRun?': flag }),
  },
  'DELETE /api/v1/drains/:peer': { summary: 'Takes that back' },
  'POST /api/v1/rebalance': {
    summary: 'Makes peers equally full',
    body: input({ 'dryRun?': flag }),
    answer: rebalance,
  },
  'GET /api/v1/ranges': {
    summary: 'The ranges of the catalog',
    answer: list(output({ group: natural, epoch: whole })),
  },
  'POST /api/v1/ranges': {
    summary: 'Splits a range of the catalog at a key',
    body: input({ bucket: text, 'key?': text }),
    answer: output({ group: number }),
  },
  'GET /api/v1/authority': {
    summary: 'What to trust for gateways that speak TLS, as PEM',
    answer: output({ certificate: text }),
  },
  'GET /api/v1/events': {
    summary: 'What happens, as server-sent events',
    query: { recent: natural, follow: flag },
    answer: 'events',
  },
  'GET /': { summary: 'Leads browsers to the console', answer: 'html' },
  'HEAD /': { summary: 'The same', answer: 'nothing' },
  'GET /console': { summary: 'Leads to the console', answer: 'html' },
  'HEAD /console': { summary: 'The same', answer: 'nothing' },
  'GET /console/*path': { summary: 'The files of the console', answer: 'bytes' },
  'HEAD /console/*path': { summary: 'The same', answer: 'nothing' },
}
