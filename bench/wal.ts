/**
 * How many appends a second does the log make durable, beside programs that do nothing but write
 * and sync?
 *
 * Reference: a loop that blocks its thread, on a preallocated file: the records of all writers are
 * laid side by side, written by one call and synced by one `fdatasync`; nobody waits for an answer.
 * Beside it, with writers that each wait for their record as the log's do:
 * - blocking group commit: those who wait share one write and one sync, which stop the event loop;
 * - bare group commit: the same through Node's non-blocking calls, and nothing else;
 * - alone: every record has a non-blocking write and a sync of its own.
 */
import fs from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { systemRandom, systemTimers } from '../src/node/system.ts'
import { openDisk } from '../src/storage/disk.ts'
import { ThreadedDisk } from '../src/storage/threaded-disk.ts'
import type { WalRecord } from '../src/storage/wal-record.ts'
import { Wal } from '../src/storage/wal.ts'
import { ask, during, type Measured, save } from './harness.ts'

const RAW_FILE_BYTES = 256 << 20
const RAW_BATCH_BYTES = 1 << 20
const TRIM_EVERY = 10_000

const write = promisify(fs.write)
const fdatasync = promisify(fs.fdatasync)

const root = mkdtempSync(join(process.cwd(), '.bench-wal-'))

/** A preallocated file, written round and round. */
class RawFile {
  readonly handle: number
  #position = 0

  constructor(path: string) {
    this.handle = fs.openSync(path, 'w+')
    const zeros = new Uint8Array(1 << 20)
    for (let at = 0; at < RAW_FILE_BYTES; at += zeros.length) {
      fs.writeSync(this.handle, zeros, 0, zeros.length, at)
    }
    fs.fsyncSync(this.handle)
  }

  /** Where the next `sizeBytes` go. */
  claim(sizeBytes: number): number {
    if (this.#position + sizeBytes > RAW_FILE_BYTES) this.#position = 0
    const position = this.#position
    this.#position += sizeBytes
    return position
  }
}

/** Anything that makes a record durable. */
interface Appender {
  append(payload: Uint8Array): Promise<void>
}

/** Every record has a write and a sync of its own. */
class LoneAppender implements Appender {
  readonly #file: RawFile

  constructor(file: RawFile) {
    this.#file = file
  }

  async append(payload: Uint8Array): Promise<void> {
    const { handle } = this.#file
    const position = this.#file.claim(payload.length)
    for (let done = 0; done < payload.length;) {
      const rest = payload.length - done
      done += (await write(handle, payload, done, rest, position + done)).bytesWritten
    }
    await fdatasync(handle)
  }
}

/** Group commit and nothing else, with calls that stop the event loop. */
class BlockingGroupAppender implements Appender {
  readonly #file: RawFile
  readonly #buffer = new Uint8Array(RAW_BATCH_BYTES)
  #size = 0
  #waiting = Promise.withResolvers<void>()

  constructor(file: RawFile) {
    this.#file = file
  }

  append(payload: Uint8Array): Promise<void> {
    if (this.#size === 0) setImmediate(() => this.#flush())
    this.#buffer.set(payload, this.#size)
    this.#size += payload.length
    return this.#waiting.promise
  }

  #flush(): void {
    const { handle } = this.#file
    const size = this.#size
    const position = this.#file.claim(size)
    for (let done = 0; done < size;) {
      done += fs.writeSync(handle, this.#buffer, done, size - done, position + done)
    }
    fs.fdatasyncSync(handle)
    const waiting = this.#waiting
    this.#size = 0
    this.#waiting = Promise.withResolvers()
    waiting.resolve()
  }
}

/** Group commit and nothing else, without stopping the event loop. */
class GroupAppender implements Appender {
  readonly #file: RawFile
  #buffer = new Uint8Array(RAW_BATCH_BYTES)
  #size = 0
  #waiting = Promise.withResolvers<void>()
  #isFlushing = false

  constructor(file: RawFile) {
    this.#file = file
  }

  append(payload: Uint8Array): Promise<void> {
    this.#buffer.set(payload, this.#size)
    this.#size += payload.length
    if (!this.#isFlushing) void this.#flush()
    return this.#waiting.promise
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    await Promise.resolve()
    let spare = new Uint8Array(RAW_BATCH_BYTES)
    while (this.#size > 0) {
      const [bytes, size, waiting] = [this.#buffer, this.#size, this.#waiting]
      this.#buffer = spare
      this.#size = 0
      this.#waiting = Promise.withResolvers()
      const position = this.#file.claim(size)
      for (let done = 0; done < size;) {
        done += (await write(this.#file.handle, bytes, done, size - done, position + done))
          .bytesWritten
      }
      await fdatasync(this.#file.handle)
      spare = bytes
      waiting.resolve()
      await Promise.resolve()
    }
    this.#isFlushing = false
  }
}

/** The log, with one group that is trimmed now and then. */
class LogAppender implements Appender {
  readonly #wal: Wal
  #lastIndex = 0

  constructor(wal: Wal) {
    this.#wal = wal
  }

  append(payload: Uint8Array): Promise<void> {
    const index = ++this.#lastIndex
    const entry: WalRecord = { type: 'entry', group: 0, index, term: 1, payload }
    if (index % TRIM_EVERY !== 0) return this.#wal.append([entry])
    return this.#wal.append([entry, { type: 'trim', group: 0, index: index - 1, term: 1 }])
  }
}

/** Writers that each wait for their record before they append the next. */
async function appendAll(
  appender: Appender,
  sliceMs: number,
  payload: Uint8Array,
  writers: number,
): Promise<Measured> {
  const start = performance.now()
  let amount = 0
  const keepAppending = async (): Promise<void> => {
    while (performance.now() - start < sliceMs) {
      await appender.append(payload)
      amount++
    }
  }
  await Promise.all(Array.from({ length: writers }, keepAppending))
  return { amount, elapsedMs: performance.now() - start }
}

/** The reference: two system calls in a loop, with the records of all writers in one buffer. */
function blockingLoop(
  file: RawFile,
  sliceMs: number,
  payload: Uint8Array,
  writers: number,
): Promise<Measured> {
  const buffer = new Uint8Array(payload.length * writers)
  return during(sliceMs, () => {
    for (let writer = 0; writer < writers; writer++) buffer.set(payload, writer * payload.length)
    const position = file.claim(buffer.length)
    for (let done = 0; done < buffer.length;) {
      done += fs.writeSync(file.handle, buffer, done, buffer.length - done, position + done)
    }
    fs.fdatasyncSync(file.handle)
    return writers
  })
}

try {
  const directory = join(root, 'log')
  fs.mkdirSync(directory)
  const disk = new ThreadedDisk(directory)
  const wal = await Wal.open({
    disk,
    background: openDisk(directory),
    timers: systemTimers,
    random: systemRandom(),
    networkId: new Uint8Array(32),
  })
  await wal.append([{ type: 'base', group: 0, index: 0, term: 0 }])
  const log = new LogAppender(wal)
  const file = new RawFile(join(root, 'raw'))
  const lone = new LoneAppender(file)
  const group = new GroupAppender(file)
  const blocking = new BlockingGroupAppender(file)
  const answers = []
  for (const sizeBytes of [200, 4096]) {
    const payload = new Uint8Array(sizeBytes).fill(7)
    for (const writers of [1, 16, 128]) {
      const target = { 1: 0.7, 128: 0.8 }[writers]
      const answer = await ask({
        title: `appends of ${sizeBytes} B, ${writers} writer${writers === 1 ? '' : 's'}`,
        unit: 'appends',
        variants: [
          { name: 'write + fdatasync', run: ms => blockingLoop(file, ms, payload, writers) },
          { name: 'log', run: ms => appendAll(log, ms, payload, writers) },
          { name: 'blocking group commit', run: ms => appendAll(blocking, ms, payload, writers) },
          { name: 'bare group commit', run: ms => appendAll(group, ms, payload, writers) },
          { name: 'alone', run: ms => appendAll(lone, ms, payload, writers) },
        ],
        ...(target === undefined ? {} : { targets: { log: target } }),
      })
      answers.push(answer)
    }
  }
  save('wal', answers)
  fs.closeSync(file.handle)
  await wal.close()
  await disk.close()
} finally {
  rmSync(root, { recursive: true })
}
