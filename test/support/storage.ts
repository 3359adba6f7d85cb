import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, openSync, closeSync, writeSync } from 'node:fs'

import { findAccess } from '../../src/gateway/local-access.ts'
import { allSee, eventually, type PeerProcess, startFleet } from './processes.ts'

const READY_MS = 60_000
const COMMAND_MS_MAX = 240_000
const CHUNK_BYTES = 4_194_304

/** What the command line did. */
export interface Ran {
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** The command line of a peer, in a folder. */
export interface Shell {
  readonly main: string
  readonly peer: PeerProcess
  readonly folder: string
}

/** Runs a command against a peer, as a user in that folder would. */
export function holdfast(
  { main, peer, folder }: Shell,
  args: readonly string[],
  input: string | Uint8Array = '',
): Ran {
  const { status, stdout, stderr, error } = spawnSync('node', [main, ...args], {
    cwd: folder,
    env: { ...process.env, HOLDFAST_DATA: peer.data },
    input,
    timeout: COMMAND_MS_MAX,
    maxBuffer: 2 ** 30,
  })
  if (error !== undefined) throw error
  return { status, stdout, stderr: stderr.toString() }
}

/** Runs a command that must succeed; returns what it printed. */
export function succeed(
  shell: Shell,
  args: readonly string[],
  input?: string | Uint8Array,
): string {
  const { status, stdout, stderr } = holdfast(shell, args, input)
  if (status === 0) return stdout.toString()
  throw new Error(`holdfast ${args.join(' ')} ended with ${status}: ${stderr}`)
}

/** Begins a command, and kills it once it is worth it. */
export async function killDuring(
  { main, peer, folder }: Shell,
  args: readonly string[],
  isWorthIt: () => Promise<boolean>,
): Promise<void> {
  const child = spawn('node', [main, ...args], {
    cwd: folder,
    env: { ...process.env, HOLDFAST_DATA: peer.data },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  await eventually(
    async () => (await isWorthIt()) || child.exitCode !== null,
    60_000,
    () => 'the moment to kill it did not come',
  )
  if (child.exitCode !== null) throw new Error('it was over before it could be killed')
  child.kill('SIGKILL')
  await exited
}

/** Peers as processes that have found each other, and store what they are given. */
export async function startStorage(
  main: string,
  count: number,
  folder: string,
): Promise<{ readonly peers: readonly PeerProcess[]; readonly shells: readonly Shell[] }> {
  const { peers } = await startFleet(main, count, ['--profile', 'fast'])
  await allSee(peers, READY_MS)
  const shells = peers.map(peer => ({ main, peer, folder }))
  let told = ''
  await eventually(
    async () => {
      const { status, stderr } = holdfast(shells[0] as Shell, ['put', '-', 'ready/probe'], 'x')
      told = stderr
      return status === 0
    },
    READY_MS,
    () => `nothing can be stored: ${told}`,
  )
  return { peers, shells }
}

/** Makes a file of random bytes, whatever its size; returns its hash. */
export function randomFile(path: string, sizeBytes: number): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'w')
  for (let left = sizeBytes; left > 0; left -= CHUNK_BYTES) {
    const bytes = randomBytes(Math.min(left, CHUNK_BYTES))
    hash.update(bytes)
    writeSync(file, bytes)
  }
  closeSync(file)
  return hash.digest('hex')
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Asks a peer's gateway as any program may that has its token. */
export async function ask(
  { data }: PeerProcess,
  path: string,
  init: { readonly method?: string; readonly headers?: Record<string, string>; body?: string } = {},
): Promise<Response> {
  const { url, token } = await findAccess(data)
  return fetch(`${url}${path}`, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token}` },
  })
}
