import assert from 'node:assert/strict'
import { chmodSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createKeyFile, readKeyFile } from '../../../src/node/archive/key-file.ts'
import { scratchFolder } from '../../support/checkout.ts'

const scratch = scratchFolder()
let count = 0
function written(content: string | Uint8Array): string {
  const path = join(scratch, `given-${++count}`)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

test('a new key file is read back, and nobody else may read it', async () => {
  const path = join(scratch, 'new')
  const key = await createKeyFile(path)
  assert.equal(key.length, 32)
  assert.deepEqual(Buffer.from(await readKeyFile(path)), Buffer.from(key))
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
  await assert.rejects(createKeyFile(path), { code: 'FILE_EXISTS' })
})

test('a key is 32 bytes, or 64 digits with or without a line feed', async () => {
  const raw = Uint8Array.from({ length: 32 }, (_, at) => at)
  for (const path of [
    written(raw),
    written(Buffer.from(raw).toString('hex')),
    written(`${Buffer.from(raw).toString('hex').toUpperCase()}\n`),
  ])
    assert.deepEqual(new Uint8Array(await readKeyFile(path)), raw)
})

for (const content of ['', 'x'.repeat(31), '0'.repeat(63), '0'.repeat(65), `${'0'.repeat(63)}g`])
  test(`a key file with ${content.length} characters that are no key is refused`, () =>
    assert.rejects(readKeyFile(written(content)), { code: 'MALFORMED' }))

test(
  'a key file that others may read, or that is a link, is refused',
  { skip: process.platform === 'win32' },
  async () => {
    const path = written('0'.repeat(64))
    const link = join(scratch, 'link')
    symlinkSync(path, link)
    await assert.rejects(readKeyFile(link), { code: 'FILE_FORBIDDEN' })
    chmodSync(path, 0o640)
    await assert.rejects(readKeyFile(path), { code: 'FILE_FORBIDDEN', message: /chmod 600/ })
    await assert.rejects(readKeyFile(join(scratch, 'none')), { code: 'FILE_NOT_FOUND' })
  },
)
