import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, statSync, truncateSync, appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import { decodeFile, type DecodeFileOptions } from '../../../src/node/archive/decode-file.ts'
import { encodeFile, type EncodeFileOptions } from '../../../src/node/archive/encode-file.ts'
import { scratchFolder } from '../../support/checkout.ts'
import { inChunks } from '../coder/support.ts'

const scratch = scratchFolder()
let lastFolder = 0
const freshPath = (): string => join(scratch, String(++lastFolder))
const key = new Prng(5).bytes(32)
const bytes = new Prng(6).bytes(700_000)

/** Encodes into a new directory and returns its path. */
async function encode(options: Partial<EncodeFileOptions> = {}): Promise<string> {
  const directory = freshPath()
  const scheme = { k: 4, m: 2 }
  await encodeFile({ source: inChunks(bytes), name: 'a', directory, scheme, ...options })
  return directory
}

interface Outcome {
  readonly restored: Buffer
  readonly missing: readonly number[]
  /** As `name: reason`. */
  readonly problems: readonly string[]
}

async function decode(
  directory: string,
  options: Partial<DecodeFileOptions> = {},
): Promise<Outcome> {
  const output = freshPath()
  const { missing, problems } = await decodeFile({ directory, output, ...options })
  const lines = problems.map(({ name, reason }) => `${name}: ${reason}`)
  return { restored: readFileSync(output), missing, problems: lines }
}

const fragment = (directory: string, index: number): string => join(directory, `a.${index}-of-6.hf`)

function flip(path: string, at: number, bit: number = 0): void {
  const content = readFileSync(path)
  content[at] = (content[at] ?? 0) ^ (1 << bit)
  writeFileSync(path, content)
}

describe('an object in files', () => {
  for (const [what, options] of [
    ['plain', {}],
    ['encrypted', { key }],
    ['of another hash and codec', { hash: 'sha2-256', codec: 'subspace' }],
    ['empty', { source: inChunks(new Uint8Array()) }],
    ['empty and encrypted', { source: inChunks(new Uint8Array()), key }],
    ['of one byte', { source: inChunks(Uint8Array.of(7)) }],
    ['without parity', { scheme: { k: 3, m: 0 } }],
    ['of 256 fragments', { scheme: { k: 200, m: 56 } }],
    ['over a border of segments', { source: inChunks(new Uint8Array(17_000_000).fill(3)), key }],
  ] as const)
    test(`${what} comes back`, async () => {
      const directory = await encode(options)
      const { restored, missing, problems } = await decode(directory, { key })
      const source: Uint8Array =
        'source' in options ? new Uint8Array(restored.length).fill(restored[0] ?? 0) : bytes
      assert.equal(Buffer.compare(restored, source), 0)
      assert.deepEqual([missing, problems], [[], []])
    })

  test('comes back from any four of six, named alone', async () => {
    const directory = await encode({ key })
    for (const lost of [
      [0, 1],
      [2, 5],
      [4, 5],
      [0, 3],
    ]) {
      const some = freshPath()
      mkdirSync(some)
      for (const index of [0, 1, 2, 3, 4, 5])
        if (!lost.includes(index)) copyFileSync(fragment(directory, index), fragment(some, index))
      const { restored, missing, problems } = await decode(some, { key })
      assert.equal(Buffer.compare(restored, bytes), 0)
      assert.deepEqual([missing, problems], [lost, []])
    }
  })

  test('of 64 KiB and less is kept in copies', async () => {
    const directory = await encode({ source: inChunks(bytes.subarray(0, 65_536)) })
    for (const index of [0, 1, 3, 4, 5]) rmSync(fragment(directory, index))
    const { restored } = await decode(directory)
    assert.equal(Buffer.compare(restored, bytes.subarray(0, 65_536)), 0)
  })

  test('is told how far it is', async () => {
    const seen: number[] = []
    const directory = await encode({ onProgress: done => seen.push(done) })
    assert.equal(seen.at(-1), bytes.length)
    const restored: number[] = []
    await decode(directory, { onProgress: (done, total) => restored.push(done, total) })
    assert.deepEqual(restored.slice(-2), [bytes.length, bytes.length])
  })
})

describe('a file that is wrong', () => {
  const spoilings: [string, (directory: string) => void, RegExp][] = [
    [
      'with a flipped bit in a cell',
      it => flip(fragment(it, 1), 500),
      /^a.1-of-6.hf: damaged: cell 0 of segment 0/,
    ],
    [
      'with a flipped bit in its leaves',
      it => flip(fragment(it, 1), -380 + statSync(fragment(it, 1)).size),
      /^a.1-of-6.hf: damaged/,
    ],
    [
      'with a flipped bit in its manifest',
      it => flip(fragment(it, 1), -60 + statSync(fragment(it, 1)).size),
      /^a.1-of-6.hf: damaged: header, size or manifest/,
    ],
    [
      'with a flipped bit in its header',
      it => flip(fragment(it, 1), 9),
      /^a.1-of-6.hf: damaged: header/,
    ],
    [
      'that is none',
      it => writeFileSync(fragment(it, 1), 'hello'),
      /^a.1-of-6.hf: truncated or damaged/,
    ],
    [
      'of another kind',
      it => writeFileSync(fragment(it, 1), Buffer.alloc(5000)),
      /^a.1-of-6.hf: not a fragment/,
    ],
    ['that is empty', it => writeFileSync(fragment(it, 1), ''), /^a.1-of-6.hf: truncated/],
    ['that is truncated', it => truncateSync(fragment(it, 1), 100_000), /^a.1-of-6.hf: truncated/],
    [
      'that goes on',
      it => appendFileSync(fragment(it, 1), 'x'),
      /^a.1-of-6.hf: truncated or extended/,
    ],
    [
      'that is a directory',
      it => {
        rmSync(fragment(it, 1))
        mkdirSync(fragment(it, 1))
      },
      /^a.1-of-6.hf: /,
    ],
  ]
  for (const [what, spoil, expected] of spoilings)
    test(`${what} is named, and done without`, async () => {
      const directory = await encode({ key })
      spoil(directory)
      const { restored, problems } = await decode(directory, { key })
      assert.equal(Buffer.compare(restored, bytes), 0)
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', expected)
    })

  test('under the name of another is used as what it is', async () => {
    const directory = await encode()
    rmSync(fragment(directory, 0))
    renameSync(fragment(directory, 3), fragment(directory, 0))
    const { restored, missing, problems } = await decode(directory)
    assert.equal(Buffer.compare(restored, bytes), 0)
    assert.deepEqual(missing, [0])
    assert.deepEqual(problems, ['a.0-of-6.hf: renamed: is fragment 3'])
  })

  test('that is a copy of another is not used', async () => {
    const directory = await encode()
    copyFileSync(fragment(directory, 3), fragment(directory, 0))
    const { restored, problems } = await decode(directory)
    assert.equal(Buffer.compare(restored, bytes), 0)
    assert.deepEqual(problems, ['a.0-of-6.hf: not used: the same fragment as a.3-of-6.hf'])
  })

  for (const [what, other] of [
    ['object', { source: inChunks(bytes.subarray(1)) }],
    ['scheme', { scheme: { k: 3, m: 3 } }],
    ['write of the same object', {}],
  ] as const)
    test(`of another ${what} is named, and done without`, async () => {
      const [directory, foreign] = [await encode(), await encode(other)]
      copyFileSync(fragment(foreign, 2), fragment(directory, 2))
      const { restored, problems } = await decode(directory)
      assert.equal(Buffer.compare(restored, bytes), 0)
      assert.deepEqual(problems, ['a.2-of-6.hf: belongs to another object'])
    })

  test('in any bit is found, if nothing else is there to decode from', async () => {
    const directory = await encode({
      source: inChunks(bytes.subarray(0, 100)),
      scheme: { k: 1, m: 0 },
      key,
    })
    const path = join(directory, 'a.0-of-1.hf')
    const { size } = statSync(path)
    for (let at = 0; at < size; at++) {
      flip(path, at, at % 8)
      await assert.rejects(decode(directory, { key }), { code: 'TOO_FEW_FRAGMENTS' }, `byte ${at}`)
      flip(path, at, at % 8)
    }
    await decode(directory, { key })
  })
})

const fails = async (
  directory: string,
  options: Partial<DecodeFileOptions>,
  expected: { code: string; message?: RegExp },
): Promise<void> => {
  const output = freshPath()
  await assert.rejects(decodeFile({ directory, output, ...options }), expected)
  assert.equal(existsSync(output) || existsSync(`${output}.tmp`), false)
}

describe('decoding fails', () => {
  test('with too few fragments, and says which and how many', async () => {
    const directory = await encode()
    rmSync(fragment(directory, 0))
    rmSync(fragment(directory, 5))
    flip(fragment(directory, 2), 5000)
    await fails(
      directory,
      {},
      {
        code: 'TOO_FEW_FRAGMENTS',
        message: /3 of 6 fragments whole, need 4; missing: 0, 5; a.2-of-6.hf: damaged/,
      },
    )
  })

  test('without the key, and with another', async () => {
    const directory = await encode({ key })
    await fails(directory, {}, { code: 'KEY_NEEDED' })
    await fails(directory, { key: new Uint8Array(32) }, { code: 'KEY_WRONG' })
  })

  test('where there is nothing to decode', async () => {
    const empty = freshPath()
    await fails(empty, {}, { code: 'FILE_NOT_FOUND' })
    mkdirSync(empty)
    await fails(empty, {}, { code: 'FILE_NOT_FOUND' })
    writeFileSync(join(empty, 'b.hf'), 'nonsense')
    await fails(empty, {}, { code: 'TOO_FEW_FRAGMENTS', message: /b.hf/ })
  })

  test('where two objects have equally many fragments', async () => {
    const directory = await encode()
    await encodeFile({
      source: inChunks(bytes),
      name: 'b',
      directory,
      scheme: { k: 4, m: 2 },
      force: true,
    })
    await fails(directory, {}, { code: 'AMBIGUOUS' })
    rmSync(join(directory, 'b.1-of-6.hf'))
    const { problems } = await decode(directory)
    assert.equal(problems.length, 5)
  })

  test('where the output exists, unless forced', async () => {
    const directory = await encode()
    const output = freshPath()
    writeFileSync(output, 'precious')
    await assert.rejects(decodeFile({ directory, output }), { code: 'FILE_EXISTS' })
    assert.equal(readFileSync(output, 'utf8'), 'precious')
    await decodeFile({ directory, output, force: true })
    assert.equal(Buffer.compare(readFileSync(output), bytes), 0)
  })

  test('with the reason of its signal', async () => {
    const directory = await encode()
    const signal = AbortSignal.abort(new Error('enough'))
    const output = freshPath()
    await assert.rejects(decodeFile({ directory, output, signal }), { message: 'enough' })
    assert.deepEqual([existsSync(output), existsSync(`${output}.tmp`)], [false, false])
  })
})

describe('encoding fails', () => {
  test('into a directory that is not empty, unless forced', async () => {
    const directory = await encode()
    const again = { source: inChunks(bytes), name: 'a', directory, scheme: { k: 4, m: 2 } }
    await assert.rejects(encodeFile(again), { code: 'FILE_EXISTS' })
    await encodeFile({ ...again, source: inChunks(bytes), force: true })
    assert.equal(readdirSync(directory).length, 6)
    assert.equal(Buffer.compare((await decode(directory)).restored, bytes), 0)
  })

  for (const [what, options, code] of [
    ['a scheme that is none', { scheme: { k: 0, m: 2 } }, 'INVALID_SCHEME'],
    ['too many fragments', { scheme: { k: 200, m: 57 } }, 'INVALID_SCHEME'],
    ['a file that is not there', { source: '/nonexistent' }, 'FILE_NOT_FOUND'],
    ['a directory instead of a file', { source: '/' }, 'DISK_IO'],
    ['a directory in nowhere', { directory: '/nonexistent/x' }, 'FILE_NOT_FOUND'],
  ] as const)
    test(`with ${what}, and leaves nothing`, async () => {
      const directory = freshPath()
      await assert.rejects(encode({ directory, ...options }), { code })
      assert.equal(existsSync(directory), false)
    })

  test('when its source does, and leaves nothing', async () => {
    const source = (async function* () {
      yield new Uint8Array(3_000_000)
      throw new Error('the source is gone')
    })()
    const directory = freshPath()
    await assert.rejects(encode({ directory, source }), { message: 'the source is gone' })
    assert.equal(existsSync(directory), false)
  })

  test('when it is told to stop, and leaves what was there', async () => {
    const directory = freshPath()
    mkdirSync(directory)
    const controller = new AbortController()
    const source = (async function* () {
      yield new Uint8Array(3_000_000)
      controller.abort(new Error('enough'))
      yield new Uint8Array(3_000_000)
    })()
    const options = { directory, source, signal: controller.signal }
    await assert.rejects(encode(options), { message: 'enough' })
    assert.deepEqual(readdirSync(directory), [])
  })
})
