/**
 * What can be asked of a group: for each question the program that answers it, and how question and
 * answer are written for a peer that has no replica.
 *
 *     request: | version u8 | group | number of the question u8 | epoch | what is asked |
 *     answer:  | version u8 | 0, the answer, or 1, the refusal |
 *
 * An answer fits into one response. Whoever asks for a page may get a shorter one, and `next` then
 * says where to go on; so `limit` is halved until the page fits.
 */
import { codeOf, HoldfastError } from '../../base/errors.ts'
import {
  bytes,
  type Codec,
  fixed,
  flag,
  joined,
  list,
  natural,
  optional,
  struct,
  text,
  variant,
  type Versioned,
  versioned,
} from '../../catalog/codec.ts'
import type { Extents } from '../../catalog/extents.ts'
import { BUCKET_BYTES_MAX, KEY_BYTES_MAX, POSITION_BYTES_MAX } from '../../catalog/position.ts'
import {
  type Answered,
  ask,
  type Asked,
  getBucket,
  getDocument,
  getUsage,
  listBuckets,
} from '../../catalog/queries.ts'
import {
  type FoundObject,
  getExtents,
  getObject,
  getSegments,
  listObjects,
  type ListOptions,
  listVersions,
  type ObjectList,
  type VersionEntry,
  type VersionList,
  type VersionListOptions,
} from '../../catalog/query-objects.ts'
import {
  allSegments,
  type BucketDocument,
  debts,
  documentsNamed,
  garbage,
  type GarbageFragment,
  getContent,
  getWatch,
  hasReleased,
  listParts,
  listUploads,
  type NumberedPart,
  outbox,
  type OwedRelease,
  type Page,
  type PageOptions,
  type PlacedSegment,
  segmentsOf,
  type WatchedContent,
  watches,
} from '../../catalog/query-upkeep.ts'
import {
  bucketCodec,
  contentCodec,
  contentNameCodec,
  DOCUMENT_BYTES_MAX,
  extentFields,
  EXTENTS_MAX,
  garbageCodec,
  holderCodec,
  INLINE_BYTES_MAX,
  partCodec,
  PARTS_MAX,
  placeCodec,
  segmentCodec,
  type Usage,
  usageCodec,
  versionCodec,
  watchCodec,
} from '../../catalog/records.ts'
import { type Refusal, refusalCodec } from '../../catalog/refusals.ts'
import type { Program } from '../../catalog/rows.ts'
import { BLOB_ID_BYTES } from '../../catalog/tables.ts'
import type { Workspace } from '../../catalog/workspace.ts'
import type { BucketEntry, GroupQuestions, PlacedQuestions } from './catalog.ts'

/** Questions to one range of which a list over several is put together. */
interface ListQuestions {
  readonly listObjects: { readonly asked: ListOptions; readonly answer: ObjectList }
  readonly listVersions: { readonly asked: VersionListOptions; readonly answer: VersionList }
  readonly listUploads: {
    readonly asked: PageOptions & { readonly bucket: string }
    readonly answer: Page<WatchedContent>
  }
  readonly listBuckets: {
    readonly asked: { readonly after: string | undefined; readonly limit: number }
    readonly answer: readonly BucketEntry[]
  }
  readonly usage: { readonly asked: { readonly bucket: string }; readonly answer: Usage }
}

type Questions = PlacedQuestions & GroupQuestions & ListQuestions
export type QuestionType = keyof Questions
export type AskedOf<Type extends QuestionType> = Questions[Type]['asked']
export type AnswerOf<Type extends QuestionType> = Questions[Type]['answer']

/** Items of a page; whoever asks for more gets as many. */
const PAGE_ITEMS_MAX = 10_000
/** Below the largest body of a response, with its frame. */
const ANSWER_BYTES_MAX = 1_000_000
const REQUEST_BYTES_MAX = 8_192
/** A `next`, or a row's key: a position with what comes around it. */
const CURSOR_BYTES_MAX = POSITION_BYTES_MAX + 256
const VERSION_NAME_BYTES_MAX = 32
/** A common prefix ends within a key. */
const name = text(KEY_BYTES_MAX)
const bucketName = text(BUCKET_BYTES_MAX)
const cursor = bytes(CURSOR_BYTES_MAX)
const limit = natural(PAGE_ITEMS_MAX)
const pageOptions = struct<PageOptions>({ after: optional(cursor), limit })
const bucketOnly = struct<{ readonly bucket: string }>({ bucket: bucketName })
const versionName = text(VERSION_NAME_BYTES_MAX)

const items = <Item>(item: Codec<Item>): Codec<readonly Item[]> => list(item, PAGE_ITEMS_MAX)
const pageOf = <Item>(item: Codec<Item>): Codec<Page<Item>> =>
  struct<Page<Item>>({ items: items(item), next: optional(cursor) })

const segmentName = joined(
  contentNameCodec,
  struct<{ readonly blob: Uint8Array; readonly segment: number }>({
    blob: fixed(BLOB_ID_BYTES),
    segment: natural(),
  }),
)
const placedSegment: Codec<PlacedSegment> = joined(
  segmentName,
  struct<Pick<PlacedSegment, 'record'>>({ record: segmentCodec }),
)
const watchedContent: Codec<WatchedContent> = joined(
  contentNameCodec,
  struct<Pick<WatchedContent, 'watch'>>({ watch: watchCodec }),
)
const garbageFragment: Codec<GarbageFragment> = joined(
  joined(segmentName, garbageCodec),
  struct<Pick<GarbageFragment, 'generation' | 'index' | 'row'>>({
    generation: natural(),
    index: natural(),
    row: cursor,
  }),
)

const listOptions = struct<ListOptions>({
  bucket: bucketName,
  prefix: name,
  delimiter: name,
  after: cursor,
  limit,
})
const listedObject = struct<ObjectList['objects'][number]>({ key: name, version: versionCodec })
const listedVersion = struct<VersionEntry>({
  key: name,
  id: versionName,
  version: versionCodec,
  isLatest: flag,
})

const sourcedExtent = struct<Extents['extents'][number]>({
  ...extentFields,
  source: contentNameCodec,
})

interface Question<Type extends QuestionType> {
  /** On the wire; never given to another question. */
  readonly number: number
  readonly program: (asked: AskedOf<Type>) => (work: Workspace) => Program<AnswerOf<Type>>
  readonly asked: Codec<AskedOf<Type>>
  readonly answer: Codec<AnswerOf<Type>>
}

const questions: { readonly [Type in QuestionType]: Question<Type> } = {
  object: {
    number: 1,
    program: ({ version, ...place }) => getObject(place, version),
    asked: joined(
      placeCodec,
      struct<{ readonly version: string | undefined }>({ version: optional(versionName) }),
    ),
    answer: struct<FoundObject>({
      id: versionName,
      version: versionCodec,
      bytes: optional(bytes(INLINE_BYTES_MAX)),
    }),
  },
  extents: {
    number: 2,
    program: ({ fromBytes, lengthBytes, ...content }) =>
      getExtents(content, { fromBytes, lengthBytes }),
    asked: joined(
      contentNameCodec,
      struct<{ readonly fromBytes: number; readonly lengthBytes: number }>({
        fromBytes: natural(),
        lengthBytes: natural(),
      }),
    ),
    answer: struct<Extents>({
      extents: list(sourcedExtent, EXTENTS_MAX),
      endBytes: natural(),
    }),
  },
  segments: {
    number: 3,
    program: ({ first, count, ...blob }) => getSegments(blob, { first, count }),
    asked: joined(
      contentNameCodec,
      struct<{ readonly blob: Uint8Array; readonly first: number; readonly count: number }>({
        blob: fixed(BLOB_ID_BYTES),
        first: natural(),
        count: natural(),
      }),
    ),
    answer: items(segmentCodec),
  },
  bucket: {
    number: 4,
    program: ({ bucket }) => getBucket(bucket),
    asked: bucketOnly,
    answer: bucketCodec,
  },
  document: {
    number: 5,
    program: asked => getDocument(asked.bucket, asked.name),
    asked: struct<AskedOf<'document'>>({ bucket: bucketName, name }),
    answer: optional(bytes(DOCUMENT_BYTES_MAX)),
  },
  content: {
    number: 6,
    program: getContent,
    asked: contentNameCodec,
    answer: optional(contentCodec),
  },
  parts: {
    number: 7,
    program: ({ after, limit: most, ...content }) => listParts(content, { after, limit: most }),
    asked: joined(
      contentNameCodec,
      struct<{ readonly after: number; readonly limit: number }>({
        after: natural(PARTS_MAX),
        limit,
      }),
    ),
    answer: items<NumberedPart>(
      joined(partCodec, struct<{ readonly part: number }>({ part: natural(PARTS_MAX) })),
    ),
  },
  watch: { number: 8, program: getWatch, asked: contentNameCodec, answer: optional(watchCodec) },
  segmentsOf: {
    number: 20,
    program: ({ seat, ...page }) => segmentsOf(seat, page),
    asked: joined(pageOptions, struct<{ readonly seat: number }>({ seat: natural(0xffff_ffff) })),
    answer: pageOf(placedSegment),
  },
  debts: { number: 21, program: debts, asked: pageOptions, answer: pageOf(placedSegment) },
  allSegments: {
    number: 22,
    program: allSegments,
    asked: pageOptions,
    answer: pageOf(placedSegment),
  },
  garbage: { number: 23, program: garbage, asked: pageOptions, answer: pageOf(garbageFragment) },
  watches: { number: 24, program: watches, asked: pageOptions, answer: pageOf(watchedContent) },
  outbox: {
    number: 25,
    program: outbox,
    asked: pageOptions,
    answer: pageOf(
      struct<OwedRelease>({ name: contentNameCodec, holder: holderCodec, row: cursor }),
    ),
  },
  documentsNamed: {
    number: 27,
    program: ({ name: wanted, ...page }) => documentsNamed(wanted, page),
    asked: joined(pageOptions, struct<{ readonly name: string }>({ name })),
    answer: pageOf(
      struct<BucketDocument>({ bucket: bucketName, document: bytes(DOCUMENT_BYTES_MAX) }),
    ),
  },
  hasReleased: {
    number: 26,
    program: () => hasReleased(),
    asked: struct<object>({}),
    answer: flag,
  },
  listObjects: {
    number: 40,
    program: listObjects,
    asked: listOptions,
    answer: struct<ObjectList>({
      objects: items(listedObject),
      prefixes: items(name),
      next: optional(cursor),
      goesOn: flag,
    }),
  },
  listVersions: {
    number: 41,
    program: listVersions,
    asked: joined(
      listOptions,
      struct<Pick<VersionListOptions, 'afterVersion'>>({ afterVersion: optional(versionName) }),
    ),
    answer: struct<VersionList>({
      versions: items(listedVersion),
      prefixes: items(name),
      next: optional(
        struct<NonNullable<VersionList['next']>>({
          after: cursor,
          version: optional(versionName),
        }),
      ),
      goesOn: flag,
    }),
  },
  listUploads: {
    number: 42,
    program: ({ bucket, ...page }) => listUploads(bucket, page),
    asked: joined(bucketOnly, pageOptions),
    answer: pageOf(watchedContent),
  },
  listBuckets: {
    number: 43,
    program: listBuckets,
    asked: struct<AskedOf<'listBuckets'>>({ after: optional(bucketName), limit }),
    answer: items(struct<BucketEntry>({ name: bucketName, record: bucketCodec })),
  },
  usage: {
    number: 44,
    program: ({ bucket }) => getUsage(bucket),
    asked: bucketOnly,
    answer: usageCodec,
  },
}

const byNumber = new Map(
  Object.entries(questions).map(([type, { number }]) => [number, type as QuestionType]),
)

/** A question as it was asked, of whichever type. */
interface AnyQuestion {
  readonly type: QuestionType
  readonly asked: unknown
}

/** The program that answers a question under an epoch of the group's range. */
export function programOf<Type extends QuestionType>(
  to: Asked,
  type: Type,
  asked: AskedOf<Type>,
): Program<Answered<AnswerOf<Type>>> {
  return ask<AnswerOf<Type>>(to, questions[type].program(bounded(asked)))
}

/** A page holds no more than a page may. */
function bounded<Value>(asked: Value): Value {
  const wanted = (asked as { readonly limit?: number }).limit
  return wanted === undefined || wanted <= PAGE_ITEMS_MAX
    ? asked
    : { ...asked, limit: PAGE_ITEMS_MAX }
}

const anyQuestion: Codec<AnyQuestion> = {
  write: (writer, { type, asked }) => {
    writer.u8(questions[type].number)
    const codec = questions[type].asked as Codec<unknown>
    codec.write(writer, bounded(asked))
  },
  read: reader => {
    const { offset } = reader
    const type = byNumber.get(reader.u8())
    if (type === undefined) throw malformed(offset)
    return { type, asked: (questions[type].asked as Codec<unknown>).read(reader) }
  },
}

/** A question on its way to a replica. */
export interface SentQuestion extends Asked {
  readonly question: AnyQuestion
}

/** How a question travels. @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export const sentQuestions: Versioned<SentQuestion> = versioned(
  1,
  REQUEST_BYTES_MAX,
  struct<SentQuestion>({ group: natural(0xffff_ffff), epoch: natural(), question: anyQuestion }),
)

type AnswerCodec<Type extends QuestionType> = Versioned<Answered<AnswerOf<Type>>>

const answerCodecs = new Map(
  Object.entries(questions).map(([type, { answer }]) => [
    type,
    versioned(
      1,
      ANSWER_BYTES_MAX,
      variant<'type', Answered<unknown>>('type', {
        answer: [0, struct<{ readonly value: unknown }>({ value: answer })] as never,
        refused: [1, struct<{ readonly refusal: Refusal }>({ refusal: refusalCodec })],
      }),
    ),
  ]),
)

/** How the answer to a type of question travels. */
export const answersTo = <Type extends QuestionType>(type: Type): AnswerCodec<Type> =>
  answerCodecs.get(type) as AnswerCodec<Type>

/**
 * Answers a question in bytes: asks for less until the answer fits.
 * @throws {HoldfastError} `TOO_LARGE` if not even one item does, and what `run` throws
 */
export async function answerInBytes(
  { question, ...to }: SentQuestion,
  run: (program: Program<Answered<unknown>>) => Promise<Answered<unknown>>,
): Promise<Uint8Array> {
  const { type } = question
  const codec = answersTo(type) as Versioned<Answered<unknown>>
  for (let asked = question.asked; ; asked = halved(asked)) {
    const answered = await run(programOf(to, type, asked as never))
    try {
      return codec.encode(answered)
    } catch (error) {
      if (codeOf(error) !== 'TOO_LARGE' || !isPage(asked) || asked.limit <= 1) throw error
    }
  }
}

const isPage = (asked: unknown): asked is { readonly limit: number } =>
  typeof (asked as { readonly limit?: unknown }).limit === 'number'

const halved = (asked: unknown): unknown =>
  isPage(asked) ? { ...asked, limit: Math.ceil(asked.limit / 2) } : asked

function malformed(offset: number): HoldfastError {
  const details = { code: 'MALFORMED', what: 'question', offset } as const
  return new HoldfastError(`Cannot decode question: at offset ${offset}`, details)
}
