import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'

import type { PeerView } from '../../src/index.ts'
import { copyOfCheckout, root, run, scratchFolder } from './checkout.ts'

const READY_MS = 60_000

/** What `up --json` says of itself. */
export interface Announcement {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly gateway: string
  /** Logs in whoever follows it first. */
  readonly console: string
  readonly token?: string
  /** The first access key, of who founded the network. */
  readonly key?: { readonly id: string; readonly secret: string }
}

export interface PeerProcessOptions {
  readonly main: string
  readonly data: string
  readonly flags?: readonly string[]
  /** What stands before `node`: to run it in a namespace. */
  readonly wrapper?: readonly string[]
}

/** The built program: as it stands in the checkout, if that is no older than the sources. */
export function buildProgram(): string {
  if (isBuilt()) return join(root, 'dist', 'lib', 'main.js')
  const checkout = copyOfCheckout()
  const { status, stdout, stderr } = run('npm run build', checkout)
  if (status !== 0) throw new Error(`the build failed: ${stdout}${stderr}`)
  return join(checkout, 'dist', 'lib', 'main.js')
}

/** The build writes its notices last. */
function isBuilt(): boolean {
  const changedMs = (path: string): number =>
    statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const folders = ['src', 'console'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(path =>
      join(folder, path),
    ),
  )
  const sources = ['package.json', 'scripts/build.mjs', ...folders]
  return Math.max(...sources.map(changedMs)) < changedMs('dist/THIRD-PARTY')
}

/** A peer in a process of its own. */
export class PeerProcess {
  readonly name: string
  readonly data: string
  readonly child: ChildProcess
  readonly #main: string
  readonly #wrapper: readonly string[]
  #output = ''
  log = ''
  announcement: Announcement | undefined
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>

  constructor(name: string, { main, data, flags = [], wrapper = [] }: PeerProcessOptions) {
    this.name = name
    this.data = data
    this.#main = main
    this.#wrapper = wrapper
    const args = [main, 'up', '--json', '--data', data, '--name', name, ...flags]
    const [command, ...rest] = [...wrapper, 'node', ...args] as [string, ...string[]]
    this.child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.on('data', text => (this.#output += String(text)))
    this.child.stderr?.on('data', text => (this.log += String(text)))
    this.exited = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
    live.add(this)
    void this.exited.then(() => live.delete(this))
  }

  /** Resolves when the peer says that it is up. */
  async ready(): Promise<Announcement> {
    const isUp = async (): Promise<boolean> => this.#output.includes('\n') || !this.isRunning
    await eventually(isUp, READY_MS, () => `${this.name} is not up: ${this.log}`)
    if (!this.#output.includes('\n')) {
      // Only then all it said has arrived.
      await this.exited
      throw new Error(`${this.name} ended: ${this.log}`)
    }
    this.announcement = JSON.parse(this.#output) as Announcement
    return this.announcement
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  get id(): string {
    return this.announcement?.peer ?? ''
  }

  /** Asks the peer's gateway, as the command line does. */
  async peers(): Promise<readonly PeerView[]> {
    return (await this.get('/api/v1/peers')) as readonly PeerView[]
  }

  async get(path: string): Promise<unknown> {
    const { url, token } = await this.#access()
    const response = await fetch(new URL(path, url), {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    })
    return response.json()
  }

  /** Runs another command against this peer. */
  command(args: string): ReturnType<typeof run> {
    const wrapper = this.#wrapper.length > 0 ? `${this.#wrapper.join(' ')} ` : ''
    return run(`${wrapper}node ${JSON.stringify(this.#main)} ${args} --data ${this.data}`, '/tmp')
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.kill('SIGTERM')
    await this.exited
  }

  async #access(): Promise<{ url: string; token: string }> {
    const { findAccess } = await import('../../src/gateway/local-access.ts')
    return findAccess(this.data)
  }
}

const live = new Set<PeerProcess>()
process.once('exit', () => {
  for (const peer of live) peer.kill('SIGKILL')
})

/** Ends every peer that is left, at once. */
export async function killAll(): Promise<void> {
  const left = [...live]
  for (const peer of left) peer.kill('SIGKILL')
  await Promise.all(left.map(peer => peer.exited))
}

/** A port that was free a moment ago, on loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until something holds; looks often. */
export async function eventually(
  holds: () => Promise<boolean>,
  withinMs: number,
  complaint: () => string,
): Promise<number> {
  const startMs = performance.now()
  for (;;) {
    if (await holds()) return performance.now() - startMs
    if (performance.now() - startMs > withinMs) throw new Error(complaint())
    await new Promise(resolve => void setTimeout(resolve, 50))
  }
}

export interface Fleet {
  readonly peers: readonly PeerProcess[]
  /** From the first start until the last one said that it was up. */
  readonly upMs: number
}

/** A founder and `count - 1` peers that join it with one invite, on loopback. */
export async function startFleet(
  main: string,
  count: number,
  flags: readonly string[],
): Promise<Fleet> {
  const folder = scratchFolder()
  const all = [
    '--listen',
    '127.0.0.1:0',
    '--gateway',
    '127.0.0.1:0',
    '--log-level',
    'info',
    ...flags,
  ]
  const startMs = performance.now()
  const founder = new PeerProcess('peer-0', { main, data: join(folder, 'peer-0'), flags: all })
  await founder.ready()
  const { stdout } = founder.command(`invite --uses ${count}`)
  const joiners = Array.from({ length: count - 1 }, (_, index) => {
    const name = `peer-${index + 1}`
    const data = join(folder, name)
    return new PeerProcess(name, { main, data, flags: [...all, '--join', stdout.trim()] })
  })
  await Promise.all(joiners.map(peer => peer.ready()))
  return { peers: [founder, ...joiners], upMs: performance.now() - startMs }
}

/** Whether this peer sees exactly these others, and itself, alive. */
export async function sees(peer: PeerProcess, alive: readonly PeerProcess[]): Promise<boolean> {
  const views = await peer.peers()
  const seen = views.filter(({ state }) => state === 'alive').map(view => view.peer)
  const wanted = alive.map(({ id }) => id)
  return seen.length === wanted.length && wanted.every(id => seen.includes(id))
}

/**
 * Waits until all of these see each other, and nobody else, alive. Asks one after the other, and each
 * until it does: asking all of them all the time would be half of what the machine does.
 */
export function allSee(peers: readonly PeerProcess[], withinMs: number): Promise<number> {
  const missing = [...peers]
  return eventually(
    async () => {
      for (let [peer] = missing; peer !== undefined; [peer] = missing) {
        if (!(await sees(peer, peers))) return false
        missing.shift()
      }
      return true
    },
    withinMs,
    () => `${missing.map(({ name }) => name).join(', ')} do not see just the right ones`,
  )
}
