import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import { type Outcome, run, scratchFolder } from '../support/checkout.ts'
import { buildProgram } from '../support/processes.ts'

const quoted = (path: string): string => JSON.stringify(path)

/** The program as it is built, in a folder where somebody works. */
describe('holdfast encode and decode', () => {
  const folder = scratchFolder()
  const bytes = new Prng(1).bytes(3_000_000)
  let main = ''
  const holdfast = (args: string): Outcome => run(`node ${quoted(main)} ${args}`, folder)
  const read = (name: string): Buffer => readFileSync(join(folder, name))

  before(() => {
    main = buildProgram()
    writeFileSync(join(folder, 'film.mp4'), bytes)
  })

  test('bring a file back without two of six fragments', () => {
    const encoded = holdfast('encode film.mp4 --scheme 4,2 --out fragments --new-key film.key')
    assert.equal(encoded.status, 0, encoded.stderr)
    assert.match(encoded.stderr, /any 4 of them restore it/)
    assert.equal(encoded.stdout, '')
    rmSync(join(folder, 'fragments', 'film.mp4.1-of-6.hf'))
    rmSync(join(folder, 'fragments', 'film.mp4.4-of-6.hf'))
    const decoded = holdfast('decode fragments --out back.mp4 --key film.key')
    assert.equal(decoded.status, 0, decoded.stderr)
    assert.match(decoded.stderr, /4 of 6 fragments usable/)
    assert.equal(Buffer.compare(read('back.mp4'), bytes), 0)
  })

  test('work as filters', () => {
    const { status, stderr } = run(
      `node ${quoted(main)} encode - --out piped < film.mp4 && ` +
        `node ${quoted(main)} decode piped --out - --quiet > piped.mp4`,
      folder,
    )
    assert.equal(status, 0, stderr)
    assert.equal(Buffer.compare(read('piped.mp4'), bytes), 0)
    assert.ok(existsSync(join(folder, 'piped', 'stdin.0-of-6.hf')))
  })

  test('print JSON, and nothing else on standard output', () => {
    const { stdout } = holdfast('encode film.mp4 --out described --scheme 2,1 --json')
    const report = JSON.parse(stdout) as { k: number; sizeBytes: number; files: unknown[] }
    assert.deepEqual([report.k, report.sizeBytes, report.files.length], [2, 3_000_000, 3])
    rmSync(join(folder, 'described', 'film.mp4.2-of-3.hf'))
    const decoded = holdfast('decode described --out described.mp4 --json')
    assert.deepEqual((JSON.parse(decoded.stdout) as { missing: number[] }).missing, [2])
  })

  test('name a damaged fragment, and all that is wrong when it is too much', () => {
    holdfast('encode film.mp4 --out damaged')
    appendFileSync(join(folder, 'damaged', 'film.mp4.0-of-6.hf'), 'x')
    const some = holdfast('decode damaged --out damaged.mp4')
    assert.equal(some.status, 0, some.stderr)
    assert.match(some.stderr, /film.mp4.0-of-6.hf: truncated or extended/)
    for (const index of [3, 5]) rmSync(join(folder, 'damaged', `film.mp4.${index}-of-6.hf`))
    const few = holdfast('decode damaged --out few.mp4')
    assert.equal(few.status, 5)
    assert.match(few.stderr, /3 of 6 fragments whole, need 4; missing: 3, 5; film.mp4.0-of-6.hf/)
    assert.equal(existsSync(join(folder, 'few.mp4')), false)
  })

  for (const [args, status, message] of [
    ['encode --out x', 2, /missing required argument 'FILE'/],
    ['encode film.mp4', 2, /--out/],
    ['encode film.mp4 --out x --scheme 4', 2, /two numbers/],
    ['encode film.mp4 --out x --scheme 0,2', 2, /k ≥ 1/],
    ['encode film.mp4 --out x --scheme 200,57', 2, /k \+ m ≤ 256/],
    ['encode film.mp4 --out x --key a --new-key b', 2, /--key/],
    ['encode film.mp4 --out x --hash md5', 2, /blake3, sha2-256/],
    ['encode none.mp4 --out x', 3, /none.mp4: no such file/],
    ['encode film.mp4 --out x --key none.key', 3, /none.key/],
    ['encode film.mp4 --out .', 1, /not empty/],
    ['encode . --out x', 1, /it is a directory/],
    ['decode none --out y', 3, /none: no such file/],
    ['decode film.mp4 --out y', 3, /film.mp4/],
    ['decode fragments --out y', 4, /no key was given/],
    ['decode fragments --out film.mp4 --key film.key', 1, /film.mp4: it exists/],
  ] as const)
    test(`answer "${args}" with a message and exit code ${status}`, () => {
      const outcome = holdfast(args)
      assert.match(outcome.stderr, message)
      assert.equal(outcome.status, status, outcome.stderr)
      assert.equal(outcome.stdout, '')
      assert.deepEqual(
        [existsSync(join(folder, 'x')), existsSync(join(folder, 'y'))],
        [false, false],
      )
    })

  test(
    'end without a word when nobody reads on',
    { skip: process.platform === 'win32' },
    async () => {
      const child = spawn(
        'node',
        [main, 'decode', 'fragments', '--out', '-', '--key', 'film.key'],
        {
          cwd: folder,
        },
      )
      let said = ''
      child.stderr.on('data', text => (said += String(text)))
      child.stdout.once('data', () => child.stdout.destroy())
      assert.deepEqual(await once(child, 'close'), [141, null])
      assert.equal(said, '')
    },
  )

  test('refuse a key that others may read', { skip: process.platform === 'win32' }, () => {
    writeFileSync(join(folder, 'open.key'), '0'.repeat(64))
    chmodSync(join(folder, 'open.key'), 0o644)
    const { status, stderr } = holdfast('encode film.mp4 --out x --key open.key')
    assert.match(stderr, /chmod 600/)
    assert.equal(status, 4)
  })

  test('leave nothing behind on a full disk', { skip: process.platform === 'win32' }, () => {
    // What the shell calls a limit on file size is, to the program, a write that goes no further.
    const { status, stderr } = run(
      `ulimit -f 200; node ${quoted(main)} encode film.mp4 --out full --new-key full.key`,
      folder,
    )
    assert.match(stderr, /holdfast: Cannot write/)
    assert.equal(status, 1)
    assert.deepEqual(
      [existsSync(join(folder, 'full')), existsSync(join(folder, 'full.key'))],
      [false, false],
    )
  })

  for (const [name, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    test(`leave nothing behind on ${name}`, { skip: process.platform === 'win32' }, async () => {
      const out = join(folder, name)
      mkdirSync(out)
      const child = spawn('node', [main, 'encode', '-', '--out', out], { cwd: folder })
      child.stdin.on('error', () => {})
      const exit = once(child, 'exit')
      child.stdin.write(bytes)
      const first = join(out, 'stdin.0-of-6.hf.tmp')
      while (!(existsSync(first) && statSync(first).size > 100_000))
        await new Promise(resolve => void setTimeout(resolve, 10))
      child.kill(name)
      assert.deepEqual(await exit, [exitCode, null])
      assert.deepEqual(readdirSync(out), [])
    })
})
