import assert from 'node:assert/strict'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'

import type { NodeStatus, PeerView } from '../../src/index.ts'
import { root, run, scratchFolder } from '../support/checkout.ts'
import {
  allSee,
  buildProgram,
  eventually,
  freePort,
  killAll,
  PeerProcess,
} from '../support/processes.ts'

const flags = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--profile', 'fast']

/** The program as a user runs it. */
describe('holdfast up', () => {
  let main = ''
  let folder = ''
  before(() => {
    main = buildProgram()
  })
  afterEach(killAll)
  after(killAll)

  const start = async (name: string, more: readonly string[] = []): Promise<PeerProcess> => {
    const peer = new PeerProcess(name, {
      main,
      data: join(folder, name),
      flags: [...flags, ...more],
    })
    await peer.ready()
    return peer
  }
  const scene = (name: string, story: () => Promise<void>): void =>
    void test(name, async () => {
      folder = scratchFolder()
      await story()
    })

  scene('makes a network, and its invite lets another peer in', async () => {
    const a = await start('a')
    assert.match(a.announcement?.token ?? '', /^hf1/)
    assert.equal(statSync(a.data).mode & 0o777, 0o700)
    const b = await start('b', ['--join', a.announcement?.token ?? '', '--zone', 'attic'])
    assert.equal(b.announcement?.token, undefined)
    await allSee([a, b], 10_000)

    const peers = JSON.parse(a.command('peers --json').stdout) as PeerView[]
    assert.deepEqual(peers.map(({ name }) => name).toSorted(), ['a', 'b'])
    assert.equal(peers.find(({ name }) => name === 'b')?.zone, 'attic')
    const status = JSON.parse(b.command('status --json').stdout) as NodeStatus
    assert.deepEqual([status.peers.alive, status.isAuthority, status.role], [2, false, 'full'])
    assert.match(b.command('peers').stdout, /^NAME +STATE .*\n(.*\n)*b \(this\) +alive/)
    assert.match(b.command('status').stdout, /peers +2 alive/)
  })

  scene('returns to its network without an invite when the first peer is gone', async () => {
    const a = await start('a')
    const invite = a.announcement?.token ?? ''
    const b = await start('b', ['--join', invite])
    const c = await start('c', ['--join', invite])
    await allSee([a, b, c], 15_000)
    // The address book is written two seconds after there was something new.
    await new Promise(resolve => void setTimeout(resolve, 2500))
    a.kill('SIGKILL')
    await a.exited
    b.kill('SIGKILL')
    await b.exited
    await allSee([c], 15_000)
    const again = await start('b')
    assert.equal(again.id, b.id)
    await allSee([again, c], 15_000)
  })

  scene(
    'peers that start before the founder wait for its invite, and know it by name',
    async () => {
      const file = join(folder, 'invite')
      const port = await freePort()
      const late = new PeerProcess('b', {
        main,
        data: join(folder, 'b'),
        flags: [...flags, '--join-file', file, '--founder', 'a'],
      })
      await eventually(
        async () => late.log.includes('waiting for an invite'),
        20_000,
        () => late.log,
      )
      const wanted = ['--listen', `127.0.0.1:${port}`, '--announce', `localhost:${port}`]
      const more = ['--join-file', file, '--founder', 'a', '--invite-file', file]
      const a = await start('a', [...wanted, ...more])
      await late.ready()
      await allSee([a, late], 10_000)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      const peers = JSON.parse(late.command('peers --json').stdout) as PeerView[]
      const seen = peers.find(({ name }) => name === 'a')?.addresses
      assert.deepEqual(seen, [`/dns4/localhost/tcp/${port}/p2p/${a.id}`])
      // As the only one that waits, it would wait for ever: it has a network, and needs no file.
      rmSync(file)
      await late.stop()
      await allSee([a, await start('b', ['--join-file', file])], 15_000)
    },
  )

  scene('refuses a directory that another peer uses, and says which', async () => {
    const a = await start('a')
    const { status, stderr } = a.command('up --listen 127.0.0.1:0')
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`process ${a.child.pid} uses it`))
    assert.equal(a.isRunning, true)
  })

  scene('stops in order within ten seconds, and the others know at once', async () => {
    const a = await start('a')
    const b = await start('b', ['--join', a.announcement?.token ?? ''])
    await allSee([a, b], 10_000)
    const startMs = performance.now()
    b.kill('SIGINT')
    assert.deepEqual(await b.exited, { code: 0, signal: null })
    assert.ok(performance.now() - startMs < 10_000)
    const [view] = (await a.peers()).filter(({ peer }) => peer === b.id)
    assert.equal(view?.state, 'left')
    assert.equal(b.command('peers').status, 5)
  })

  scene('ends at once on the second signal', async () => {
    const a = await start('a')
    const b = await start('b', ['--join', a.announcement?.token ?? ''])
    await allSee([a, b], 10_000)
    b.kill('SIGTERM')
    await new Promise(resolve => void setTimeout(resolve, 100))
    const startMs = performance.now()
    b.kill('SIGTERM')
    assert.deepEqual(await b.exited, { code: 143, signal: null })
    assert.ok(performance.now() - startMs < 500)
  })

  scene('takes the next free ports when the usual ones are in use, and says so', async () => {
    const plain = { main, flags: ['--profile', 'fast'] }
    const a = new PeerProcess('a', { ...plain, data: join(folder, 'a') })
    await a.ready()
    const b = new PeerProcess('b', { ...plain, data: join(folder, 'b') })
    await b.ready()
    assert.notEqual(a.announcement?.gateway, b.announcement?.gateway)
    assert.match(b.log, /"message":"gateway port in use, moved"/)
    const ports = [a, b].map(peer => /tcp\/(\d+)/.exec(peer.announcement?.addresses[0] ?? '')?.[1])
    assert.notEqual(ports[0], ports[1])
  })

  scene('cuts a banned peer off within five seconds, for good', async () => {
    const a = await start('a')
    const invite = a.announcement?.token ?? ''
    const b = await start('b', ['--join', invite])
    const c = await start('c', ['--join', invite])
    await allSee([a, b, c], 15_000)
    assert.equal(a.command('ban c').status, 0)
    const isOut = async (peer: PeerProcess): Promise<boolean> => {
      const view = (await peer.peers()).find(each => each.peer === c.id)
      return view?.membership === 'banned' && !view.isConnected
    }
    await eventually(
      async () => (await isOut(a)) && (await isOut(b)),
      5000,
      () => 'c is still in',
    )
    assert.equal(b.command('ban a').status, 4)
    assert.equal(a.command('ban nobody').status, 3)
  })

  scene('tells logs from results, and levels from each other', async () => {
    const a = await start('a', ['--log-level', 'error'])
    assert.equal(a.log, '')
    const b = await start('b')
    const lines = b.log
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { level: string })
    assert.ok(lines.length > 0 && lines.every(({ level }) => level !== 'debug'))
  })

  scene('goes on when nobody reads its log any more', async () => {
    const a = await start('a')
    a.child.stderr?.destroy()
    // It has much to say of a newcomer, and of who left.
    const b = await start('b', ['--join', a.announcement?.token ?? ''])
    await allSee([a, b], 10_000)
    await b.stop()
    await allSee([a], 10_000)
    a.kill('SIGTERM')
    assert.deepEqual(await a.exited, { code: 0, signal: null })
  })

  scene('takes flags over variables over the file', async () => {
    const file = join(folder, 'settings.toml')
    writeFileSync(file, 'name = "from the file"\nzone = "of the file"\nlog-level = "error"\n')
    const data = join(folder, 'd')
    const { stdout, stderr } = run(
      `HOLDFAST_NAME=variable timeout -s INT 3 node ${main} up --json --data ${data} ` +
        `--listen 127.0.0.1:0 --gateway 127.0.0.1:0 --config ${file}; true`,
      folder,
    )
    assert.equal((JSON.parse(stdout) as { name: string }).name, 'variable', stderr)
    assert.equal(stderr, '')
  })

  for (const [args, status, message] of [
    ['up --join hello', 2, /copied whole/],
    ['up --profile slow', 2, /none of lan, fast, wan/],
    ['up --log-level loud', 2, /none of debug/],
    ['up --listen nowhere', 2, /no host:port/],
    ['up --listen /ip4/127.0.0.1/udp/0', 2, /no TCP address/],
    [`up --zone ${'z'.repeat(65)}`, 2, /at most 64 bytes/],
    ['up --gateway 0.0.0.0:4800', 2, /reached from outside/],
    ['up --announce peer-1', 2, /no host:port/],
    ['up --announce /dns4/x/udp/1', 2, /no TCP address/],
    ['up --lane-port 0', 2, /no port/],
    ['up --founder a', 2, /join-file/],
    ['up --join hf1 --join-file x', 2, /invite already/],
    ['up --config none.toml', 2, /none.toml/],
    ['up --frobnicate', 2, /unknown option/],
    ['peers', 5, /No peer runs/],
    ['invite --expires soon', 2, /90s, 30m/],
    ['invite --role root', 2, /full, storage/],
    ['ban', 2, /missing required argument/],
  ] as const)
    test(`answers "${args}" with a message and exit code ${status}`, () => {
      const outcome = run(`node ${main} ${args}`, scratchFolder())
      assert.match(outcome.stderr, message)
      assert.equal(outcome.status, status, outcome.stderr)
      assert.equal(outcome.stdout, '')
    })

  test('shows what it can be told', () => {
    const { stdout, status } = run(`node ${main} up --help`, root)
    assert.equal(status, 0)
    for (const flag of ['--join', '--listen', '--gateway', '--zone', 'HOLDFAST_DATA'])
      assert.ok(stdout.includes(flag), flag)
  })
})
