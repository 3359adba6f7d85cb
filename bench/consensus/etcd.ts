/** A three-member etcd and a client that speaks gRPC to it over one HTTP/2 session, unencrypted. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'

import { ended, keep } from './children.ts'
import type { Contender } from './contender.ts'

const PORT = 23_790
const MEMBERS = 3
const FRAME_BYTES = 5
const TRY_MS = 5_000

export const hasEtcd = (): boolean => {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export class Etcd implements Contender {
  readonly name = 'etcd'
  /** What is sent to a member without a leader may wait for long, so somebody else is asked soon. */
  readonly tryMs = 100
  readonly #folder: string
  readonly #flags: readonly string[]
  readonly #members: ChildProcess[] = []
  readonly #sessions = new Map<number, ClientHttp2Session>()

  /** @param heartbeatMs and the election timeout: etcd's own defaults are 100 and 1000 */
  constructor(folder: string, { heartbeatMs = 100, electionMs = 1_000 }: EtcdPace = {}) {
    this.#folder = folder
    this.#flags = [`--heartbeat-interval=${heartbeatMs}`, `--election-timeout=${electionMs}`]
  }

  async start(): Promise<void> {
    for (let at = 0; at < MEMBERS; at++) this.#spawn(at, 'new')
    await this.#settled()
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions.values()) session.destroy()
    for (const member of this.#members) member.kill('SIGKILL')
    await Promise.all(this.#members.map(ended))
  }

  pids(): number[] {
    return this.#members.map(({ pid = 0 }) => pid)
  }

  /** Puts through the leader where it is known; else through each in turn. */
  async put(key: string, value: Uint8Array, timeoutMs: number): Promise<void> {
    const at = this.#aim
    try {
      await this.#call(at, encodePut(Buffer.from(key), value), timeoutMs)
    } catch (error) {
      if (this.#aim === at) this.#aim = (at + 1) % MEMBERS
      throw error
    }
  }

  #aim = 0

  async disturb(how: 'SIGKILL' | 'SIGSTOP'): Promise<() => Promise<void>> {
    const at = this.#leader()
    this.#aim = at
    const member = this.#members[at] as ChildProcess
    member.kill(how)
    return async () => {
      if (how === 'SIGSTOP') member.kill('SIGCONT')
      else this.#spawn(at, 'existing')
      await this.#settled()
    }
  }

  /** Hands leadership to another member. */
  async transfer(): Promise<void> {
    const from = this.#leader()
    const to = this.#status().find((_, at) => at !== from)
    const id = BigInt(to?.Status.header.member_id ?? 0).toString(16)
    execFileSync('etcdctl', [`--endpoints=${url(from)}`, 'move-leader', id], {
      stdio: 'ignore',
      env: { ...process.env, ETCDCTL_API: '3' },
    })
  }

  #spawn(at: number, state: 'new' | 'existing'): void {
    const cluster = Array.from({ length: MEMBERS }, (_, n) => `m${n}=${url(n, 1)}`).join(',')
    const child = spawn(
      'etcd',
      [
        `--name=m${at}`,
        `--data-dir=${join(this.#folder, `etcd-${at}`)}`,
        `--listen-client-urls=${url(at)}`,
        `--advertise-client-urls=${url(at)}`,
        `--listen-peer-urls=${url(at, 1)}`,
        `--initial-advertise-peer-urls=${url(at, 1)}`,
        `--initial-cluster=${cluster}`,
        `--initial-cluster-state=${state}`,
        '--logger=zap',
        '--log-level=error',
        ...this.#flags,
      ],
      { stdio: 'ignore' },
    )
    this.#members[at] = child
    keep(child)
  }

  /** Until somebody leads and all three answer. */
  async #settled(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      try {
        if (this.#status().length === MEMBERS) {
          this.#aim = this.#leader()
          await this.put('warm', new Uint8Array(1), TRY_MS)
          return
        }
      } catch {
        // Not yet.
      }
      await new Promise(done => void setTimeout(done, 100))
    }
    throw new Error('etcd does not settle')
  }

  #leader(): number {
    return this.#status().findIndex(({ Status: { leader, header } }) => leader === header.member_id)
  }

  #status(): Status[] {
    const endpoints = Array.from({ length: MEMBERS }, (_, at) => url(at)).join(',')
    const args = [`--endpoints=${endpoints}`, 'endpoint', 'status', '-w', 'json']
    const env = { ...process.env, ETCDCTL_API: '3' }
    // Numbers of 64 bits would be rounded.
    const text = execFileSync('etcdctl', args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .replaceAll(/:(\d{12,})/g, ':"$1"')
    return JSON.parse(text) as Status[]
  }

  async #call(at: number, message: Uint8Array, timeoutMs: number): Promise<void> {
    const stream = this.#session(at).request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let status = ''
    stream.setTimeout(timeoutMs, () => {
      reject(new Error('no answer'))
      stream.close()
    })
    stream.once('response', headers => (status = String(headers['grpc-status'] ?? '')))
    stream.once('trailers', headers => (status = String(headers['grpc-status'] ?? '')))
    stream.once('error', reject)
    stream.once('close', () => (status === '0' ? resolve() : reject(new Error(`gRPC ${status}`))))
    stream.resume()
    stream.end(message)
    await promise
  }

  #session(at: number): ClientHttp2Session {
    const open = this.#sessions.get(at)
    if (open !== undefined && !open.destroyed && !open.closed) return open
    const session = connect(url(at))
    session.on('error', () => session.destroy())
    this.#sessions.set(at, session)
    return session
  }
}

interface Status {
  readonly Status: {
    readonly leader: string
    readonly header: { readonly member_id: string }
  }
}

const url = (at: number, peer = 0): string => `http://127.0.0.1:${PORT + 2 * at + peer}`

/** `PutRequest { bytes key = 1; bytes value = 2 }` in a gRPC frame. */
function encodePut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const body = Buffer.concat([field(1, key), field(2, value)])
  const head = Buffer.alloc(FRAME_BYTES)
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2]), varint(bytes.length), bytes])

const varint = (value: number): Buffer =>
  value < 128 ? Buffer.from([value]) : Buffer.from([(value & 127) | 128, value >> 7])

interface EtcdPace {
  readonly heartbeatMs?: number
  readonly electionMs?: number
}
