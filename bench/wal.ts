/**
 * How many appends a second does the log make durable, beside a program that does nothing but
 * write and sync?
 *
 * Reference: one thread, one preallocated file; in a loop, the records of all writers are laid side
 * by side in one buffer, written by one call and synced by one `fdatasync`. No checksums, no
 * acknowledgements, nothing to wait for: what the disk and the system calls alone allow. The log
 * does the same for writers that each wait for their own record, in a thread of its own.
 */
import fs from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { systemRandom, systemTimers } from '../src/node/system.ts'
import { openDisk } from '../src/storage/disk.ts'
import { ThreadedDisk } from '../src/storage/threaded-disk.ts'
import { Wal } from '../src/storage/wal.ts'
import { ask, during, type Measured, save } from './harness.ts'

const RAW_FILE_BYTES = 256 << 20
const TRIM_EVERY = 10_000

const root = mkdtempSync(join(process.cwd(), '.bench-wal-'))

/** The loop that the log is measured against. */
class RawLoop {
  readonly #handle: number
  #position = 0

  constructor(path: string) {
    this.#handle = fs.openSync(path, 'w+')
    const zeros = new Uint8Array(1 << 20)
    for (let at = 0; at < RAW_FILE_BYTES; at += zeros.length) {
      fs.writeSync(this.#handle, zeros, 0, zeros.length, at)
    }
    fs.fsyncSync(this.#handle)
  }

  async run(sliceMs: number, payload: Uint8Array, writers: number): Promise<Measured> {
    const buffer = new Uint8Array(payload.length * writers)
    return during(sliceMs, () => {
      for (let writer = 0; writer < writers; writer++) buffer.set(payload, writer * payload.length)
      if (this.#position + buffer.length > RAW_FILE_BYTES) this.#position = 0
      for (let done = 0; done < buffer.length;) {
        done += fs.writeSync(
          this.#handle,
          buffer,
          done,
          buffer.length - done,
          this.#position + done,
        )
      }
      fs.fdatasyncSync(this.#handle)
      this.#position += buffer.length
      return writers
    })
  }

  close(): void {
    fs.closeSync(this.#handle)
  }
}

/** Writers that each wait for their record before they append the next. */
class LogLoop {
  readonly #wal: Wal
  #lastIndex = 0

  constructor(wal: Wal) {
    this.#wal = wal
  }

  async run(sliceMs: number, payload: Uint8Array, writers: number): Promise<Measured> {
    const start = performance.now()
    let amount = 0
    const write = async (): Promise<void> => {
      while (performance.now() - start < sliceMs) {
        const index = ++this.#lastIndex
        if (index % TRIM_EVERY === 0) {
          void this.#wal.append([{ type: 'trim', group: 0, index: index - 1, term: 1 }])
        }
        await this.#wal.append([{ type: 'entry', group: 0, index, term: 1, payload }])
        amount++
      }
    }
    await Promise.all(Array.from({ length: writers }, write))
    return { amount, elapsedMs: performance.now() - start }
  }
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
  const log = new LogLoop(wal)
  const raw = new RawLoop(join(root, 'raw'))
  const answers = []
  for (const sizeBytes of [200, 4096]) {
    const payload = new Uint8Array(sizeBytes).fill(7)
    for (const writers of [1, 16, 128]) {
      const target = { 1: 0.7, 128: 0.8 }[writers]
      const answer = await ask({
        title: `appends of ${sizeBytes} B, ${writers} writer${writers === 1 ? '' : 's'}`,
        unit: 'appends',
        variants: [
          { name: 'write + fdatasync', run: ms => raw.run(ms, payload, writers) },
          { name: 'log', run: ms => log.run(ms, payload, writers) },
        ],
        ...(target === undefined ? {} : { targets: { log: target } }),
      })
      answers.push(answer)
    }
  }
  save('wal', answers)
  raw.close()
  await wal.close()
  await disk.close()
} finally {
  rmSync(root, { recursive: true })
}
