/** Three peers as processes, and a fourth in this one, which does not vote: the public client. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

import { findAccess } from '../../src/gateway/local-access.ts'
import { createNode, type GroupView, type HoldfastNode } from '../../src/index.ts'
import { ended, keep } from './children.ts'
import type { Contender } from './contender.ts'

const MEMBERS = 3
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const UP_MS = 30_000

export class Holdfast implements Contender {
  readonly name = 'holdfast'
  /** Tries again by itself. */
  readonly tryMs = 4_000
  readonly #folder: string
  readonly #members: ChildProcess[] = []
  readonly #ids: string[] = []
  #client: HoldfastNode | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  async start(): Promise<void> {
    const token = await this.#spawn(0)
    for (let at = 1; at < MEMBERS; at++) await this.#spawn(at, token)
    await until(async () => (await this.#view(0))?.members.length === MEMBERS)
    await until(async () => voters(await this.#view(0)) === MEMBERS)
    this.#client = createNode({
      dataDirectory: join(this.#folder, 'client'),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      name: 'client',
      join: token,
    })
    await this.#client.start()
    await this.#settled()
  }

  async stop(): Promise<void> {
    await this.#client?.stop({ signal: AbortSignal.abort(new Error('over')) })
    for (const member of this.#members) member.kill('SIGKILL')
    await Promise.all(this.#members.map(ended))
  }

  pids(): number[] {
    return this.#members.map(({ pid = 0 }) => pid)
  }

  async put(key: string, value: Uint8Array, timeoutMs: number): Promise<void> {
    await this.#client?.kv.put(key, value, { deadlineMs: timeoutMs })
  }

  async disturb(how: 'SIGKILL' | 'SIGSTOP'): Promise<() => Promise<void>> {
    const at = await this.#leader()
    const member = this.#members[at] as ChildProcess
    member.kill(how)
    return async () => {
      if (how === 'SIGSTOP') member.kill('SIGCONT')
      else await this.#spawn(at)
      await this.#settled()
    }
  }

  /** A peer that is told to stop hands over first. */
  async transfer(): Promise<void> {
    const at = await this.#leader()
    const member = this.#members[at] as ChildProcess
    member.kill('SIGTERM')
    await ended(member)
    await this.#spawn(at)
    await this.#settled()
  }

  /** Returns the invite of a new network. */
  async #spawn(at: number, join_?: string): Promise<string | undefined> {
    const data = join(this.#folder, `peer-${at}`)
    const places = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--log-level', 'warn']
    const child = spawn(
      process.execPath,
      [
        '--conditions=source',
        MAIN,
        'up',
        '--json',
        '--data',
        data,
        '--name',
        `p${at}`,
        ...places,
        ...(join_ === undefined ? [] : ['--join', join_]),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    keep(child)
    this.#members[at] = child
    let output = ''
    child.stdout?.on('data', (text: Buffer) => (output += String(text)))
    await until(async () => output.includes('\n'))
    const { peer, token } = JSON.parse(output) as { peer: string; token?: string }
    this.#ids[at] = peer
    return token
  }

  /** Until three vote, the leader hears all, and a write comes through. */
  async #settled(): Promise<void> {
    await until(async () => {
      const view = (await this.#client?.groups())?.[0]
      const isWell = view?.members.every(({ heardMsAgo = Infinity }) => heardMsAgo < 500)
      return view?.role === 'leader' && isWell === true && voters(view) === MEMBERS
    })
    await this.put('warm', new Uint8Array(1), UP_MS)
  }

  async #leader(): Promise<number> {
    const view = (await this.#client?.groups())?.[0]
    const at = this.#ids.indexOf(view?.leader ?? '')
    if (at < 0) throw new Error('nobody leads')
    return at
  }

  async #view(at: number): Promise<GroupView | undefined> {
    const { url, token } = await findAccess(join(this.#folder, `peer-${at}`))
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(new URL('/api/v1/groups', url), { headers })
    return ((await response.json()) as GroupView[])[0]
  }
}

const voters = (view: GroupView | undefined): number =>
  view?.members.filter(({ role }) => role === 'voter' || role === 'leader').length ?? 0

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + UP_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${UP_MS} ms`)
    await new Promise(done => void setTimeout(done, 50))
  }
}
