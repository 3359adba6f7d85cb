import {
  bytes,
  type Codec,
  fixed,
  flag,
  list,
  natural,
  oneOf,
  optional,
  struct,
  text,
  variant,
  type Versioned,
  versioned,
} from './codec.ts'
import {
  type Command,
  type Proposal,
  type Conditions,
  type BlobInit,
  type Doomed,
  type NewBody,
  type VersionName,
  type Placement,
  CONDITIONS_MAX,
  SEGMENTS_PER_COMMAND_MAX,
  PLACEMENTS_PER_COMMAND_MAX,
  SWEEP_MAX,
  EXPIRE_MAX,
  SHARDS_PER_COMMAND_MAX,
  REGISTER_NAME_BYTES_MAX,
  REGISTER_BYTES_MAX,
  COMMAND_BYTES_MAX,
} from './commands.ts'
import { BUCKET_BYTES_MAX, KEY_BYTES_MAX, POSITION_BYTES_MAX } from './position.ts'
import {
  bucketCodec,
  checksumsCodec,
  contentIdCodec,
  contentNameCodec,
  defaultRetentionCodec,
  descriptionCodec,
  DOCUMENT_BYTES_MAX,
  ENVELOPE_BYTES_MAX,
  etagCodec,
  fragmentCodec,
  headersCodec,
  holderCodec,
  INLINE_BYTES_MAX,
  ownerCodec,
  PARTS_MAX,
  type Retention,
  retentionCodec,
  segmentInitCodec,
  tagsCodec,
  versioningCodec,
  placeCodec,
  FRAGMENTS_MAX,
} from './records.ts'
import { shardCodec } from './shard-map.ts'
import { stampCodec } from './stamp.ts'
import { BLOB_ID_BYTES } from './tables.ts'

/**
 * How commands are written. Every length has a bound, so that decoding is total: any bytes are a
 * command, or are refused before anything is allocated for them.
 */
type CommandOf<Type extends Command['type']> = Omit<Extract<Command, { type: Type }>, 'type'>

const conditionsCodec: Codec<Conditions> = struct<Conditions>({
  ifMatch: list(etagCodec, CONDITIONS_MAX),
  ifNoneMatch: list(etagCodec, CONDITIONS_MAX),
  ifSizeBytes: optional(natural()),
  ifModifiedSinceMs: optional(natural()),
  ifUnmodifiedSinceMs: optional(natural()),
})

const blobIdCodec = fixed(BLOB_ID_BYTES)
const blobInitCodec: Codec<BlobInit> = struct<BlobInit>({
  blob: blobIdCodec,
  firstSegment: natural(0xffff_ffff),
  segments: list(segmentInitCodec, SEGMENTS_PER_COMMAND_MAX),
  sizeBytes: natural(),
  segmentCount: natural(0xffff_ffff),
  envelope: bytes(ENVELOPE_BYTES_MAX),
})

const newBodyCodec: Codec<NewBody> = variant<'type', NewBody>('type', {
  inline: [0, struct<{ bytes: Uint8Array }>({ bytes: bytes(INLINE_BYTES_MAX) })],
  blob: [
    1,
    struct<Omit<Extract<NewBody, { type: 'blob' }>, 'type'>>({
      content: contentIdCodec,
      untilMs: natural(),
      blob: blobInitCodec,
    }),
  ],
  shared: [
    2,
    struct<Omit<Extract<NewBody, { type: 'shared' }>, 'type'>>({
      content: contentNameCodec,
      holder: holderCodec,
      parts: natural(PARTS_MAX),
      untilMs: natural(),
    }),
  ],
})

const bucketName = text(BUCKET_BYTES_MAX)
const place = { bucket: bucketName, key: text(KEY_BYTES_MAX) }
const versionFields = { ...place, version: optional(text(32)) }
const versionNameCodec: Codec<VersionName> = struct<VersionName>(versionFields)
const contentFields = { ...place, content: contentIdCodec }
const segmentFields = { ...contentFields, blob: blobIdCodec, segment: natural(0xffff_ffff) }
const partFields = {
  part: natural(PARTS_MAX),
  etag: etagCodec,
  checksums: checksumsCodec,
}

const placementCodec: Codec<Placement> = struct<Placement>({
  ...segmentFields,
  ifRevision: natural(),
  index: natural(FRAGMENTS_MAX - 1),
  fragment: fragmentCodec,
})

const doomedCodec: Codec<Doomed> = struct<Doomed>({
  stamp: stampCodec,
  dueMs: natural(),
  ifTags: optional(tagsCodec),
})

/** `retention` of `setLock`: left alone, taken away, or set. */
const lockChangeCodec: Codec<Retention | 'none' | undefined> = {
  write: (writer, value) => {
    writer.u8(value === undefined ? 0 : value === 'none' ? 1 : 2)
    if (value !== undefined && value !== 'none') retentionCodec.write(writer, value)
  },
  read: reader => {
    const kind = oneOf('same', 'none', 'set').read(reader)
    return kind === 'same' ? undefined : kind === 'none' ? 'none' : retentionCodec.read(reader)
  },
}

/** A number is never given to another command, even once its own is gone. */
const commandCodec: Codec<Command> = variant<'type', Command>('type', {
  createBucket: [
    1,
    struct<CommandOf<'createBucket'>>({
      bucket: bucketName,
      owner: ownerCodec,
      versioning: versioningCodec,
      hasLock: flag,
      retention: optional(defaultRetentionCodec),
    }),
  ],
  changeBucket: [
    2,
    struct<CommandOf<'changeBucket'>>({
      bucket: bucketName,
      ifRevision: optional(natural()),
      versioning: versioningCodec,
      hasLock: flag,
      retention: optional(defaultRetentionCodec),
      isFrozen: flag,
    }),
  ],
  setDocument: [
    3,
    struct<CommandOf<'setDocument'>>({
      bucket: bucketName,
      name: text(64),
      document: optional(bytes(DOCUMENT_BYTES_MAX)),
    }),
  ],
  deleteBucket: [4, struct<CommandOf<'deleteBucket'>>({ bucket: bucketName })],
  mirrorBucket: [
    5,
    struct<CommandOf<'mirrorBucket'>>({ bucket: bucketName, record: optional(bucketCodec) }),
  ],
  putObject: [
    10,
    struct<CommandOf<'putObject'>>({
      ...place,
      conditions: conditionsCodec,
      description: descriptionCodec,
      body: newBodyCodec,
    }),
  ],
  deleteObject: [
    11,
    struct<CommandOf<'deleteObject'>>({
      ...versionFields,
      conditions: conditionsCodec,
      bypassesGovernance: flag,
    }),
  ],
  copyObject: [
    12,
    struct<CommandOf<'copyObject'>>({
      ...place,
      source: versionNameCodec,
      sourceConditions: conditionsCodec,
      conditions: conditionsCodec,
      holder: holderCodec,
      headers: optional(headersCodec),
      tags: optional(tagsCodec),
      retention: optional(retentionCodec),
      hasLegalHold: flag,
    }),
  ],
  setTags: [13, struct<CommandOf<'setTags'>>({ ...versionFields, tags: tagsCodec })],
  setLock: [
    14,
    struct<CommandOf<'setLock'>>({
      ...versionFields,
      retention: lockChangeCodec,
      hasLegalHold: optional(flag),
      bypassesGovernance: flag,
    }),
  ],
  expire: [
    15,
    struct<CommandOf<'expire'>>({
      ...place,
      ifNewest: stampCodec,
      ifCount: natural(),
      doomed: list(doomedCodec, EXPIRE_MAX),
    }),
  ],
  openContent: [
    20,
    struct<CommandOf<'openContent'>>({
      ...contentFields,
      untilMs: natural(),
      upload: optional(descriptionCodec),
    }),
  ],
  renewContent: [21, struct<CommandOf<'renewContent'>>({ ...contentFields, untilMs: natural() })],
  addSegments: [22, struct<CommandOf<'addSegments'>>({ ...contentFields, blob: blobInitCodec })],
  putPart: [
    23,
    struct<CommandOf<'putPart'>>({
      ...contentFields,
      ...partFields,
      blob: blobInitCodec,
      untilMs: natural(),
    }),
  ],
  copyPart: [
    24,
    struct<CommandOf<'copyPart'>>({
      ...contentFields,
      ...partFields,
      source: versionNameCodec,
      sourceConditions: conditionsCodec,
      fromBytes: natural(),
      lengthBytes: optional(natural()),
    }),
  ],
  completeUpload: [
    25,
    struct<CommandOf<'completeUpload'>>({
      ...contentFields,
      conditions: conditionsCodec,
      parts: list(
        struct<{ part: number; etag: string }>({ part: natural(PARTS_MAX), etag: etagCodec }),
        PARTS_MAX,
      ),
      partBytesMin: natural(),
      etag: etagCodec,
      checksums: checksumsCodec,
    }),
  ],
  releaseContent: [26, struct<CommandOf<'releaseContent'>>(contentFields)],
  sweepContents: [
    27,
    struct<CommandOf<'sweepContents'>>({ contents: list(contentNameCodec, SWEEP_MAX) }),
  ],
  collect: [28, struct<CommandOf<'collect'>>({ rows: natural(10_000) })],
  dropGarbage: [
    29,
    struct<CommandOf<'dropGarbage'>>({ rows: list(bytes(POSITION_BYTES_MAX + 64), SWEEP_MAX) }),
  ],
  retainContent: [
    30,
    struct<CommandOf<'retainContent'>>({
      ...contentFields,
      holder: holderCodec,
      holderPlace: placeCodec,
    }),
  ],
  dropReference: [
    31,
    struct<CommandOf<'dropReference'>>({ ...contentFields, holder: holderCodec }),
  ],
  settleReferences: [
    32,
    struct<CommandOf<'settleReferences'>>({
      rows: list(bytes(POSITION_BYTES_MAX + 64), SWEEP_MAX),
    }),
  ],
  expireUpload: [33, struct<CommandOf<'expireUpload'>>({ ...contentFields, dueMs: natural() })],
  place: [
    40,
    struct<CommandOf<'place'>>({ placements: list(placementCodec, PLACEMENTS_PER_COMMAND_MAX) }),
  ],
  recut: [
    41,
    struct<CommandOf<'recut'>>({
      ...segmentFields,
      ifRevision: natural(),
      k: natural(FRAGMENTS_MAX),
      fragments: list(fragmentCodec, FRAGMENTS_MAX),
    }),
  ],
  disown: [
    42,
    struct<CommandOf<'disown'>>({
      ...segmentFields,
      generation: natural(255),
      index: natural(FRAGMENTS_MAX - 1),
      seat: natural(0xffff_ffff),
    }),
  ],
  splitRange: [
    50,
    struct<CommandOf<'splitRange'>>({ at: placeCodec, child: natural(0xffff_ffff) }),
  ],
  freezeRange: [51, struct<object>({})],
  thawRange: [52, struct<object>({})],
  absorbRange: [
    53,
    struct<CommandOf<'absorbRange'>>({ group: natural(0xffff_ffff), epoch: natural() }),
  ],
  updateShards: [
    60,
    struct<CommandOf<'updateShards'>>({ shards: list(shardCodec, SHARDS_PER_COMMAND_MAX) }),
  ],
  setRegister: [
    61,
    struct<CommandOf<'setRegister'>>({
      name: text(REGISTER_NAME_BYTES_MAX),
      ifRevision: optional(natural()),
      value: optional(bytes(REGISTER_BYTES_MAX)),
    }),
  ],
})

export const proposals: Versioned<Proposal> = versioned(
  1,
  COMMAND_BYTES_MAX,
  struct<Proposal>({ epoch: natural(), command: commandCodec }),
)
