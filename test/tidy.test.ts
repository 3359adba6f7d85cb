import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import {
  dynamicImports,
  impureCores,
  importsOutward,
  leftovers,
  missingFromLock,
  type SourceFile,
  sourcesOf,
  undocumentedErrors,
} from './tidy.ts'

const root = join(import.meta.dirname, '..')
const files = sourcesOf(root)
const planted = (path: string, text: string): SourceFile[] => [{ path, text }]

test('imports point inward', () => {
  assert.ok(files.length > 0)
  assert.deepEqual(importsOutward(files), [])
})

test('cores are deterministic', () => assert.deepEqual(impureCores(files), []))

test('imports are delayed only where that is allowed', () =>
  assert.deepEqual(dynamicImports(files), []))

test('sources hold no notes to self', () => assert.deepEqual(leftovers(files), []))

test('docs/errors.md explains exactly the failures there are', () => {
  const source = readFileSync(join(root, 'src/base/errors.ts'), 'utf8')
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  assert.deepEqual(undocumentedErrors(source, page), [])
  assert.equal(undocumentedErrors(source.replace("'DISK_FULL'", "'PLANTED'"), page).length, 2)
})

test('package-lock.json serves every platform', () => {
  const lockFile = readFileSync(join(root, 'package-lock.json'), 'utf8')
  assert.deepEqual(missingFromLock(lockFile), [])
  const poorer = lockFile.replace('"node_modules/@oxlint/binding-darwin-arm64"', '"node_modules/x"')
  assert.equal(missingFromLock(poorer).length, 1)
})

const outward = [
  ['a side effect', 'consensus/raft.ts', "import 'node:fs'"],
  ['a type', 'clock/hlc.ts', "import type { Socket } from 'node:net'"],
  ['a sibling core', 'catalog/apply.ts', "import { step } from '../consensus/raft.ts'"],
  ['a package', 'storage/wal.ts', "import { createLibp2p } from 'libp2p'"],
  ['a delayed import', 'placement/choose.ts', "const fs = import('node:fs')"],
  ['a package that only begins alike', 'base/bytes.ts', "import x from 'uint8arraylist'"],
] as const
for (const [what, path, text] of outward) {
  test(`${what} pointing outward is reported`, () =>
    assert.equal(importsOutward(planted(path, text)).length, 1))
}

for (const text of [
  'const now = Date.now()',
  'const x = Math.random()',
  'await done',
  'process.exit()',
])
  test(`a core that says "${text}" is reported`, () =>
    assert.equal(impureCores(planted('clock/hlc.ts', text)).length, 1))

test('comments may say what code may not', () =>
  assert.deepEqual(impureCores(planted('clock/hlc.ts', '// Date.now() is not used here')), []))
