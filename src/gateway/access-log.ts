/**
 * One line of JSON for each request that has ended. Requests never wait for the log: lines gather
 * while others are being written, and beyond a bound they are left out and counted.
 *
 * Whoever rotates it renames the file and sends SIGHUP, or just renames it: the name is looked at
 * once a second while there is something to write, and a file that is not there any more is made anew.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'

import type { Log } from '../node/log.ts'
import type { Ended } from './request-watch.ts'

const WAITING_BYTES_MAX = 4_194_304
const LOOK_EVERY_MS = 1_000
const MODE = 0o600

export interface AccessLogOptions {
  readonly path: string
  readonly log: Log
  /** A line was left out. */
  readonly dropped: () => void
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
}

export class AccessLog {
  readonly #options: AccessLogOptions
  #file: FileHandle
  /** Which file that is: another may have taken its name. */
  #inode: number
  #lookedAtMs: number
  #waiting: string[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #hasFailed = false

  /** Opens or makes the file. @throws what the system says */
  static async open(options: AccessLogOptions): Promise<AccessLog> {
    const file = await open(options.path, 'a', MODE)
    return new AccessLog(options, file, (await file.stat()).ino)
  }

  private constructor(options: AccessLogOptions, file: FileHandle, inode: number) {
    this.#options = options
    this.#file = file
    this.#inode = inode
    this.#lookedAtMs = options.nowMs()
  }

  /** Never fails, and never waits. */
  note(ended: Ended): void {
    const line = lineOf(ended, this.#options.nowMs())
    const size = Buffer.byteLength(line)
    if (this.#waitingBytes + size > WAITING_BYTES_MAX) {
      this.#options.dropped()
      return
    }
    this.#waiting.push(line)
    this.#waitingBytes += size
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  /** Looks for a rotated file with the next line. */
  reopen(): void {
    this.#lookedAtMs = Number.NEGATIVE_INFINITY
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await this.#follow()
        await this.#file.appendFile(lines.join(''))
        this.#hasFailed = false
      } catch (error) {
        for (const _ of lines) this.#options.dropped()
        // A full disk would fill the other log with this.
        if (!this.#hasFailed) this.#options.log.error('access log', { reason: String(error) })
        this.#hasFailed = true
      }
      this.#waitingBytes -= lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
    }
  }

  /** Goes to the file that has the name now. */
  async #follow(): Promise<void> {
    const { path, nowMs } = this.#options
    if (nowMs() - this.#lookedAtMs < LOOK_EVERY_MS) return
    this.#lookedAtMs = nowMs()
    const there = await stat(path).catch(() => undefined)
    if (there?.ino === this.#inode) return
    const file = await open(path, 'a', MODE)
    await this.#file.close()
    this.#file = file
    this.#inode = (await file.stat()).ino
  }
}

function lineOf(
  { exchange, request, status, isWhole, tookMs, ...moved }: Ended,
  nowMs: number,
): string {
  const { requestId: id, face, who, code } = exchange
  const { method, url = '', socket, headers } = request
  return `${JSON.stringify({
    at: new Date(nowMs).toISOString(),
    id,
    from: socket.remoteAddress ?? '',
    who,
    face,
    method,
    path: withoutSecrets(url),
    status,
    ...(!isWhole && { broken: true }),
    code,
    ms: Math.round(tookMs * 10) / 10,
    in: moved.receivedBytes,
    out: moved.sentBytes,
    agent: headers['user-agent']?.slice(0, AGENT_CHARS_MAX),
  })}\n`
}

const PATH_CHARS_MAX = 4_096
const AGENT_CHARS_MAX = 256

/** Whoever has a signature from a query can use it again. */
const withoutSecrets = (url: string): string =>
  url
    .slice(0, PATH_CHARS_MAX)
    .replaceAll(/([?&](?:X-Amz-Signature|X-Amz-Security-Token|Signature)=)[^&]*/gi, '$1…')
