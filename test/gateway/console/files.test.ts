import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { brotliCompressSync, gunzipSync } from 'node:zlib'

import { encodingFor, fileAt, readConsole } from '../../../src/gateway/console/files.ts'
import { withDirectory } from '../../support/temporary.ts'

const script = 'console.log(1)\n'.repeat(200)

test('a console that was not built has no files', async () => {
  assert.equal((await readConsole('/nowhere/at/all')).size, 0)
})

test('the files of a build are read with what is compressed of them', () =>
  withDirectory(async directory => {
    mkdirSync(join(directory, 'assets'))
    writeFileSync(join(directory, 'index.html'), '<!doctype html>')
    writeFileSync(join(directory, 'assets', 'app-4KJ2WQXA.js'), script)
    writeFileSync(join(directory, 'assets', 'app-4KJ2WQXA.js.br'), brotliCompressSync(script))
    writeFileSync(join(directory, 'style.css'), script)
    writeFileSync(join(directory, 'secret'), 'no type, no file')
    const files = await readConsole(directory)
    assert.deepEqual([...files.keys()].toSorted(), [
      'assets/app-4KJ2WQXA.js',
      'index.html',
      'style.css',
    ])
    const app = fileAt(files, 'assets/app-4KJ2WQXA.js')
    assert.deepEqual([...(app?.bodies.keys() ?? [])], ['identity', 'br'])
    assert.deepEqual([app?.isHashed, app?.type], [true, 'text/javascript; charset=utf-8'])
    const css = fileAt(files, 'style.css')
    assert.equal(gunzipSync(css?.bodies.get('gzip') ?? '').toString(), script)
    assert.equal(css?.isHashed, false)
    assert.equal(fileAt(files, ''), files.get('index.html'))
    assert.equal(fileAt(files, 'peers/some-peer'), files.get('index.html'))
    for (const path of ['../index.html', 'assets/../index.html', '..', 'none.js', '__proto__.js'])
      assert.equal(fileAt(files, path), undefined, path)
  }))

const both = new Map([
  ['identity', new Uint8Array(0)],
  ['br', new Uint8Array(0)],
  ['gzip', new Uint8Array(0)],
])
for (const [accepted, wanted] of [
  [undefined, 'identity'],
  ['', 'identity'],
  ['gzip, deflate, br', 'br'],
  ['GZIP', 'gzip'],
  ['br;q=0, gzip;q=0.5', 'gzip'],
  ['br;q=0.0', 'identity'],
  ['identity', 'identity'],
] as const)
  test(`who accepts "${accepted ?? 'nothing'}" gets ${wanted}`, () => {
    const file = { type: '', isHashed: false, etag: '', bodies: both }
    assert.equal(encodingFor(file, accepted), wanted)
  })
