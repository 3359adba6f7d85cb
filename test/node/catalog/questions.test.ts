import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Answered, rangeOf } from '../../../src/catalog/queries.ts'
import type { ContentName } from '../../../src/catalog/records.ts'
import type { Program } from '../../../src/catalog/rows.ts'
import {
  answerInBytes,
  answersTo,
  type AskedOf,
  programOf,
  type QuestionType,
  sentQuestions,
} from '../../../src/node/catalog/questions.ts'
import { randomCatalog } from '../../catalog/random-catalog.ts'
import { BUCKETS, KEYS } from '../../catalog/random-commands.ts'
import { createBucket, Host, putInline } from '../../catalog/support.ts'
import { failsWith } from '../../support/expect.ts'

const EPOCH = 1
const all = { after: undefined, limit: 1_000 }
const fromStart = { prefix: '', delimiter: '', after: new Uint8Array(0), limit: 1_000 }

/** The answer as a peer without a replica gets it; also that the question survives the way. */
async function overTheWire<Type extends QuestionType>(
  host: Host,
  type: Type,
  asked: AskedOf<Type>,
  epoch = EPOCH,
) {
  const sent = { group: 1, epoch, question: { type, asked } }
  const arrived = sentQuestions.decode(sentQuestions.encode(sent))
  assert.deepEqual(arrived, sent)
  const run = async (program: Program<Answered<unknown>>): Promise<Answered<unknown>> =>
    host.store.run(program)
  return answersTo(type).decode(await answerInBytes(arrived, run))
}

/** What the rows themselves answer. */
const here = <Type extends QuestionType>(host: Host, type: Type, asked: AskedOf<Type>) =>
  host.store.run(programOf({ group: 1, epoch: EPOCH }, type, asked))

test('every question is answered over the wire as it is from the rows', async () => {
  const host = randomCatalog(31, 500)
  const contents: ContentName[] = []
  const same = async <Type extends QuestionType>(
    type: Type,
    asked: AskedOf<Type>,
  ): Promise<void> => {
    assert.deepEqual(await overTheWire(host, type, asked), here(host, type, asked), type)
  }
  for (const bucket of [...BUCKETS, 'not-there']) {
    await same('bucket', { bucket })
    await same('usage', { bucket })
    await same('document', { bucket, name: 'policy' })
    await same('listUploads', { bucket, ...all })
    await same('listObjects', { bucket, ...fromStart, delimiter: '/' })
    await same('listVersions', { bucket, ...fromStart, limit: 3, afterVersion: undefined })
    for (const key of KEYS) {
      await same('object', { bucket, key, version: undefined })
      await same('object', { bucket, key, version: 'null' })
      const found = here(host, 'object', { bucket, key, version: undefined })
      if (found.type === 'answer' && found.value.version.body.type === 'content') {
        const { content, home } = found.value.version.body
        contents.push({ ...(home ?? { bucket, key }), content })
      }
    }
  }
  assert.ok(contents.length > 0)
  for (const name of contents) {
    await same('content', name)
    await same('watch', name)
    await same('parts', { ...name, after: 0, limit: 10 })
    await same('extents', { ...name, fromBytes: 1, lengthBytes: 1_000 })
    const answered = here(host, 'extents', { ...name, fromBytes: 0, lengthBytes: 1_000 })
    assert.ok(answered.type === 'answer')
    for (const { source, blob } of answered.value.extents) {
      await same('segments', { ...source, blob, first: 0, count: 5 })
    }
  }
  for (let seat = 1; seat <= 7; seat++) await same('segmentsOf', { seat, ...all })
  for (const type of ['debts', 'allSegments', 'garbage', 'watches', 'outbox'] as const) {
    await same(type, all)
  }
  await same('hasReleased', {})
  await same('listBuckets', { after: undefined, limit: 10 })
})

test('a question under another epoch is refused, and told the right one', async () => {
  const host = randomCatalog(32, 50)
  const answered = await overTheWire(host, 'bucket', { bucket: 'aaa' }, EPOCH + 1)
  assert.deepEqual(answered, {
    type: 'refused',
    refusal: { code: 'STALE_EPOCH', group: 1, epoch: host.store.run(rangeOf(1))?.epoch },
  })
})

test('a page too large for one response comes shorter, and says where to go on', async () => {
  const host = new Host()
  host.do(createBucket('aaa'))
  const headers = ['a', 'b', 'c', 'd'].map(name => ({ name, value: 'x'.repeat(4_000) }))
  const written = Array.from({ length: 100 }, (_, at) => `k${String(at).padStart(3, '0')}`)
  for (const key of written) {
    const put = putInline({ bucket: 'aaa', key }, key)
    const result = host.do({ ...put, description: { ...put.description, headers } })
    assert.equal(result.type, 'version')
  }
  const keys: string[] = []
  let pages = 1
  for (let after = new Uint8Array(0); ; pages++) {
    const page = await overTheWire(host, 'listObjects', { bucket: 'aaa', ...fromStart, after })
    assert.ok(page.type === 'answer')
    keys.push(...page.value.objects.map(({ key }) => key))
    if (page.value.next === undefined) break
    after = page.value.next.slice()
  }
  assert.deepEqual(keys, written)
  assert.ok(pages > 1)
})

test('what is no question is refused', () => {
  failsWith('MALFORMED', () => sentQuestions.decode(Uint8Array.of(1, 1, 1, 250)))
  failsWith('MALFORMED', () => sentQuestions.decode(Uint8Array.of(2)))
})
