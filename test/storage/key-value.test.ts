import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { fromUtf8 } from '../../src/base/bytes.ts'
import type { KeyValue } from '../../src/storage/key-value.ts'
import { LevelKeyValue } from '../../src/storage/level-key-value.ts'
import { SimKeyValueDrive } from '../sim/sim-key-value.ts'
import { World } from '../sim/world.ts'
import { rejectsWith } from '../support/expect.ts'
import { MemoryKeyValue } from '../support/memory-key-value.ts'
import { withDirectory } from '../support/temporary.ts'
import { acceptKeyValue } from './key-value-acceptance.ts'

acceptKeyValue('LevelDB', body =>
  withDirectory(async directory => {
    const path = join(directory, 'keys')
    const opened: KeyValue[] = []
    const open = async (): Promise<KeyValue> => {
      const keyValue = await LevelKeyValue.open(path)
      opened.push(keyValue)
      return keyValue
    }
    try {
      await body({ keyValue: await open(), reopen: open })
    } finally {
      for (const keyValue of opened) await keyValue.close()
    }
  }),
)

acceptKeyValue('simulated', async body => {
  const world = new World(1)
  const drive = new SimKeyValueDrive(world, 'keys', {})
  const open = (): KeyValue => drive.open(callback => callback())
  await world.play(() => body({ keyValue: open(), reopen: async () => open() }))
})

acceptKeyValue('in-memory', body => {
  const keyValue = new MemoryKeyValue()
  return body({ keyValue, reopen: async () => keyValue.reopened() })
})

test('a simulated power cut loses batches behind the last sync, and only those', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed)
    const drive = new SimKeyValueDrive(world, 'keys', {})
    await world.play(async () => {
      const keyValue = drive.open(callback => callback())
      for (const [at, sync] of [false, true, false, false].entries()) {
        await keyValue.batch([{ key: Uint8Array.of(at), value: new Uint8Array(1) }], { sync })
      }
      drive.cutPower()
      assert.deepEqual(drive.keys(), ['00', '01', '02', '03'].slice(0, drive.keys().length))
      assert.ok(drive.keys().length >= 2)
    })
  }
})

test('a simulated power cut loses the end of a log that was left unsynced', async () => {
  let lost = 0
  for (let seed = 1; seed <= 40; seed++) {
    const world = new World(seed)
    const drive = new SimKeyValueDrive(world, 'keys', {})
    await world.play(async () => {
      const keyValue = drive.open(callback => callback())
      const write = (at: number, sync: boolean) =>
        keyValue.batch([{ key: Uint8Array.of(at), value: new Uint8Array(1) }], { sync })
      await write(0, true)
      await write(1, false)
      drive.faults.nextLog = 1
      await write(2, true)
      drive.cutPower()
      assert.ok(drive.keys().includes('00') && drive.keys().includes('02'))
      if (!drive.keys().includes('01')) lost++
    })
  }
  assert.ok(lost > 0 && lost < 40)
})

test('a page holds no more than a few MiB, and the next goes on behind it', () =>
  withDirectory(async directory => {
    const keyValue = await LevelKeyValue.open(join(directory, 'keys'))
    const value = new Uint8Array(500_000)
    for (let at = 0; at < 20; at++) {
      await keyValue.batch([{ key: Uint8Array.of(at), value }], { sync: false })
    }
    const found: number[] = []
    const rest = { before: Uint8Array.of(255), limit: 1_000 }
    for (let after = new Uint8Array(0), page = await keyValue.page({ ...rest, after }); ;) {
      if (page.length === 0) break
      assert.ok(page.length <= 10, `${page.length} entries of half a MiB`)
      found.push(...page.map(({ key }) => key[0] as number))
      after = (page.at(-1)?.key ?? after).slice()
      page = await keyValue.page({ ...rest, after })
    }
    assert.deepEqual(
      found,
      Array.from({ length: 20 }, (_, at) => at),
    )
    await keyValue.close()
  }))

/** Run with few handles: uses up what is left of them, reads, gives them back, and reads again. */
const withoutHandles = `
  import fs from 'node:fs'
  import { LevelKeyValue } from '${new URL('../../src/storage/level-key-value.ts', import.meta.url).href}'

  const keyValue = await LevelKeyValue.open(process.argv[1])
  const handles = []
  try {
    for (;;) handles.push(fs.openSync('/dev/null'))
  } catch {}
  const read = () => keyValue.getLarge(Uint8Array.of(1)).then(({ length }) => length, ({ code }) => code)
  const answers = [await read()]
  for (const handle of handles) fs.closeSync(handle)
  answers.push(await read())
  console.log(answers.join())
`

test(
  'what cannot be read for want of handles is BUSY, not lost',
  {
    skip: process.platform === 'win32',
  },
  () =>
    withDirectory(async directory => {
      const path = join(directory, 'keys')
      const keyValue = await LevelKeyValue.open(path)
      await keyValue.batch([{ key: Uint8Array.of(1), value: new Uint8Array(100) }], { sync: true })
      await keyValue.close()
      // What the log held is in a table after the next opening, whose file is opened to be read.
      await (await LevelKeyValue.open(path)).close()
      const node = [process.execPath, '--input-type=module-typescript', '-e', withoutHandles, path]
      const limited = ['-c', 'ulimit -n 64 && exec "$@"', 'sh', ...node]
      const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
      assert.equal(stdout.trim(), 'BUSY,100', stderr)
    }),
)

test('a database that is open already is BUSY', () =>
  withDirectory(async directory => {
    const keyValue = await LevelKeyValue.open(join(directory, 'keys'))
    await rejectsWith('BUSY', LevelKeyValue.open(join(directory, 'keys')))
    await keyValue.close()
  }))

test('a database that cannot be made says why', () =>
  withDirectory(async directory => {
    writeFileSync(join(directory, 'keys'), 'a file')
    await assert.rejects(LevelKeyValue.open(join(directory, 'keys')), { name: 'HoldfastError' })
  }))

/** What the store's own counting is for (`fragment-census.ts`). */
test('LevelDB skips a rotten record of its log in silence', () =>
  withDirectory(async directory => {
    const path = join(directory, 'keys')
    const keyValue = await LevelKeyValue.open(path)
    const value = new Uint8Array(40_000).fill(7)
    for (let at = 0; at < 8; at++) {
      await keyValue.batch([{ key: Uint8Array.of(at), value }], { sync: true })
    }
    // A copy of the open database is what a power cut would have left.
    const copy = join(directory, 'copy')
    mkdirSync(copy)
    for (const name of readdirSync(path)) {
      const bytes = readFileSync(join(path, name))
      if (name.endsWith('.log')) bytes[150_000] = (bytes[150_000] as number) ^ 1
      if (name !== 'LOCK') writeFileSync(join(copy, name), bytes)
    }
    await keyValue.close()
    const rotten = await LevelKeyValue.open(copy)
    const page = await rotten.page({ after: fromUtf8(''), before: Uint8Array.of(255), limit: 10 })
    await rotten.close()
    const keys = page.map(({ key }) => key[0])
    assert.ok(keys.includes(0) && keys.includes(7), 'it goes on behind the rotten record')
    assert.ok(keys.length < 8, 'and does not mention it')
  }))
