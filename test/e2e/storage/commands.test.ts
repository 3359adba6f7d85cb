import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { run as runLine, scratchFolder } from '../../support/checkout.ts'
import { buildProgram, killAll } from '../../support/processes.ts'
import {
  ask,
  holdfast,
  randomFile,
  type Ran,
  type Shell,
  startStorage,
  succeed,
} from '../../support/storage.ts'

/** What the command line can be told, on a network of three peers. */
describe('the command line on a network', () => {
  let folder = ''
  let shells: readonly Shell[] = []
  const at = (peer: number): Shell => shells[peer] as Shell
  const path = (...names: string[]): string => join(folder, ...names)
  const run = (...args: string[]): string => succeed(at(0), args)
  const tried = (...args: string[]): Ran => holdfast(at(0), args)
  before(async () => {
    folder = scratchFolder()
    const started = await startStorage(buildProgram(), 3, folder)
    shells = started.shells
    run('buckets', 'create', 'sea')
    randomFile(path('large'), 20_000_001)
    run('put', 'large', 'sea/')
    writeFileSync(path('small'), 'x')
  })
  after(killAll)

  test('standard input and output are files too', () => {
    succeed(at(0), ['put', '-', 'sea/piped'], 'through a pipe')
    assert.equal(succeed(at(1), ['get', 'sea/piped', '-']), 'through a pipe')
  })

  test('the catalog is split in two where one says', () => {
    assert.match(run('ranges'), /^GROUP +EPOCH +FROM +TO\n1 +1 +the beginning +the end\n$/)
    assert.match(run('ranges', 'split', 'sea/m'), /^group 2 begins there now\n$/)
    const ranges = JSON.parse(run('ranges', '--json')) as { from?: { key: string } }[]
    assert.deepEqual(
      ranges.map(({ from }) => from?.key),
      [undefined, 'm'],
    )
    assert.match(succeed(at(1), ['ls', 'sea']), /large/)
    assert.match(tried('ranges', 'split', 'sea/m').stderr, /range/)
  })

  test('a reader that has seen enough ends it without a word', () => {
    const { main, peer } = at(0)
    const line = `node ${main} get sea/large - --quiet --data ${peer.data} | head -c 10 | wc -c`
    const { stdout, stderr } = runLine(line, folder)
    assert.deepEqual([stdout.trim(), stderr], ['10', ''])
  })

  test('a folder goes in and out with everything below it', async () => {
    mkdirSync(path('tree', 'a', 'deep er'), { recursive: true })
    const names = ['top.txt', 'a/ünïcode', 'a/deep er/x', 'a/empty']
    for (const name of names) writeFileSync(path('tree', name), name === 'a/empty' ? '' : name)
    run('put', '--recursive', 'tree', 'sea/forest')
    succeed(at(1), ['get', '--recursive', 'sea/forest', 'tree.back'])
    for (const name of names)
      assert.deepEqual(readFileSync(path('tree.back', name)), readFileSync(path('tree', name)))
  })

  test('lists show folders, what is in them, and pages as one', () => {
    for (const name of ['list/1', 'list/2', 'list/sub/3']) run('put', 'small', `sea/${name}`)
    assert.match(run('ls', 'sea'), /^ +list\/$/m)
    assert.deepEqual(
      (JSON.parse(run('ls', '--json', 'sea/list/')) as { key?: string; prefix?: string }[]).map(
        each => each.prefix ?? each.key,
      ),
      ['list/sub/', 'list/1', 'list/2'],
    )
    assert.equal(run('ls', 'sea/list'), run('ls', 'sea/list/'))
    assert.equal(run('ls', '--recursive', 'sea/list/').trim().split('\n').length, 4)
    assert.match(run('ls'), /^sea +\d{4}-/m)
  })

  test('what is stored under a key of its own is read with it only', () => {
    run('encode', 'small', '--out', 'fragments', '--new-key', 'own.key', '--quiet')
    run('put', 'large', 'sea/secret', '--key', 'own.key')
    assert.equal(tried('get', 'sea/secret', 'told').status, 4)
    run('get', 'sea/secret', 'told', '--key', 'own.key')
    assert.deepEqual(readFileSync(path('told')), readFileSync(path('large')))
  })

  test('a copy is there at once, and stays when its source goes', () => {
    succeed(at(0), ['put', '-', 'sea/source', '--meta', 'depth=5'], 'bytes')
    run('cp', 'sea/source', 'sea/copies/')
    run('rm', 'sea/source')
    assert.equal(run('get', 'sea/copies/source', '-'), 'bytes')
    assert.match(run('stat', 'sea/copies/source'), /^x-amz-meta-depth +5$/m)
  })

  test('a folder is copied and deleted as one', () => {
    for (const name of ['box/1', 'box/2', 'box-not']) run('put', 'small', `sea/${name}`)
    run('cp', '--recursive', 'sea/box', 'sea/chest')
    run('rm', '--recursive', 'sea/box')
    const keys = (text: string): string[] =>
      (JSON.parse(text) as { key: string }[]).map(({ key }) => key)
    assert.deepEqual(keys(run('ls', '-r', '--json', 'sea/box')), ['box-not'])
    assert.deepEqual(keys(run('ls', '-r', '--json', 'sea/chest')), ['chest/1', 'chest/2'])
  })

  test('a bucket with versions keeps what is replaced and deleted', () => {
    run('buckets', 'create', 'deep-sea', '--versioning', 'enabled')
    const first = JSON.parse(succeed(at(0), ['put', '--json', '-', 'deep-sea/k'], 'one')) as {
      version: string
    }
    succeed(at(0), ['put', '-', 'deep-sea/k'], 'two')
    run('rm', 'deep-sea/k')
    assert.equal(tried('get', 'deep-sea/k', '-').status, 3)
    assert.equal(run('get', 'deep-sea/k', '-', '--version', first.version), 'one')
    assert.equal((JSON.parse(run('ls', '--versions', '--json', 'deep-sea')) as []).length, 3)
  })

  test('ranges of an object come over HTTP as from any web server', async () => {
    succeed(at(0), ['put', '-', 'sea/digits', '--type', 'text/plain'], '0123456789')
    const { peer } = at(2)
    const part = await ask(peer, '/api/v1/objects/sea/digits', { headers: { range: 'bytes=2-4' } })
    assert.deepEqual([part.status, await part.text()], [206, '234'])
    assert.equal(part.headers.get('content-range'), 'bytes 2-4/10')
    const last = await ask(peer, '/api/v1/objects/sea/digits', { headers: { range: 'bytes=-2' } })
    assert.deepEqual([last.status, await last.text()], [206, '89'])
    const behind = await ask(peer, '/api/v1/objects/sea/digits', {
      headers: { range: 'bytes=10-' },
    })
    assert.equal(behind.status, 416)
    const far = await ask(peer, '/api/v1/objects/sea/large', {
      headers: { range: 'bytes=19999990-' },
    })
    const bytes = Buffer.from(await far.arrayBuffer())
    assert.deepEqual(bytes, readFileSync(path('large')).subarray(19_999_990))
    const head = await ask(peer, '/api/v1/objects/sea/digits', { method: 'HEAD' })
    const etag = head.headers.get('etag') ?? ''
    assert.equal(head.headers.get('content-type'), 'text/plain')
    const cached = await ask(peer, '/api/v1/objects/sea/digits', {
      headers: { 'if-none-match': etag },
    })
    assert.equal(cached.status, 304)
  })

  test('a placement shows who holds what', () => {
    const text = run('placement', 'sea/large')
    assert.match(text, /^SEGMENT +SIZE +SCHEME +0 +1 +2 +MAY LOSE$/m)
    assert.equal(text.match(/^[01] +\d.*2\+1/gm)?.length, 2, text)
    for (const name of ['peer-0', 'peer-1', 'peer-2']) assert.ok(text.includes(name), text)
    assert.match(run('placement', 'sea/piped'), /rides in the index/)
  })

  test('upkeep and events can be looked at', () => {
    assert.match(run('repairs'), /repairs of this peer: \d+ running/)
    assert.match(run('rebalance', '--dry-run'), /move/)
    assert.match(run('drain'), /no peer is being emptied/)
    assert.doesNotMatch(run('events', '--json'), /^[^{]/m)
  })

  for (const [args, status, message] of [
    ['get sea/none', 3, /holdfast ls/],
    ['get none/none', 3, /holdfast buckets/],
    ['get sea', 2, /sea\/KEY/],
    ['get sea/piped small', 1, /--force/],
    ['put none sea/', 3, /no file none/],
    ['put tree sea/', 2, /--recursive/],
    ['put small', 2, /FILE BUCKET\/KEY/],
    ['put small none/x --no-create', 3, /holdfast buckets create/],
    ['put small sea/piped --new', 1, /./],
    ['put small UPPER/x', 2, /./],
    ['rm sea/none', 3, /nothing at sea\/none/],
    ['stat sea/none', 3, /./],
    ['cp sea/none sea/x', 3, /./],
    ['buckets create sea', 1, /./],
    ['buckets delete sea', 1, /rm --recursive/],
    ['placement sea/none', 3, /./],
    ['drain nobody', 3, /holdfast peers/],
    ['ls sea --frobnicate', 2, /unknown option/],
    ['get sea/piped --data nowhere', 5, /No peer runs/],
  ] as const)
    test(`"${args}" ends with ${status} and says what to do`, () => {
      const ran = tried(...args.split(' '))
      assert.equal(ran.status, status, ran.stderr)
      assert.match(ran.stderr, message)
      assert.equal(String(ran.stdout), '')
    })
})
