/**
 * What was repaired here, the newest last, in one file of this peer's disk:
 *
 *     | bytes u32be | crc32 of the text u32be | record as JSON | …
 *
 * Lines are appended and synced, several at once where they come together. A line that a crash tore
 * ends the file. When the file has grown to twice what is kept it is written anew, atomically.
 */
import { crc32 } from 'node:zlib'

import { concat, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Disk, DiskFile } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { withFile } from '../../storage/disk.ts'
import type { RepairRecord } from '../store/upkeep.ts'

/** Records that are kept, and how large one may be. */
export const RECORDS_MAX = 2_000
const RECORD_BYTES_MAX = 65_536
const FILE_BYTES_MAX = 16 << 20
const HEAD_BYTES = 8
const FILE = 'repairs'

export class RepairLedger {
  readonly #disk: Disk
  readonly #records: RepairRecord[]
  #file: DiskFile | undefined
  #endBytes = 0
  #linesInFile = 0
  readonly #unwritten: Uint8Array[] = []
  #writing: Promise<void> | undefined

  /** @throws {HoldfastError} `DISK_*` */
  static async open(disk: Disk): Promise<RepairLedger> {
    const ledger = new RepairLedger(disk, decodeLedger(await readFile(disk)))
    await ledger.#rewrite()
    return ledger
  }

  private constructor(disk: Disk, records: RepairRecord[]) {
    this.#disk = disk
    this.#records = records.slice(-RECORDS_MAX)
  }

  /** Newest first. */
  newest(limit: number): readonly RepairRecord[] {
    return this.#records.slice(-Math.min(limit, RECORDS_MAX)).toReversed()
  }

  /**
   * Resolves when the line is durable; it can be read at once.
   * @throws {HoldfastError} `DISK_*`: a later line takes it along, if the disk is well again
   */
  async add(record: Omit<RepairRecord, 'number'>): Promise<void> {
    const number = (this.#records.at(-1)?.number ?? 0) + 1
    const numbered = { ...record, number }
    this.#records.push(numbered)
    if (this.#records.length > RECORDS_MAX) this.#records.shift()
    this.#unwritten.push(encodeLine(numbered))
    if (this.#unwritten.length > RECORDS_MAX) this.#unwritten.shift()
    while (this.#unwritten.length > 0) {
      this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
      await this.#writing
    }
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined)
    await this.#file?.close()
    this.#file = undefined
  }

  async #write(): Promise<void> {
    const lines = [...this.#unwritten]
    const bytes = concat(lines).slice()
    const isTooLong = this.#linesInFile + lines.length > 2 * RECORDS_MAX
    if (this.#file === undefined || isTooLong || this.#endBytes + bytes.length > FILE_BYTES_MAX) {
      await this.#rewrite()
    } else {
      const sizeBytes = bytes.length
      await this.#file.writeDurable(this.#endBytes, bytes)
      this.#endBytes += sizeBytes
      this.#linesInFile += lines.length
    }
    this.#unwritten.splice(0, lines.length)
  }

  async #rewrite(): Promise<void> {
    const records = [...this.#records]
    const bytes = concat(records.map(encodeLine))
    await this.#file?.close()
    this.#file = undefined
    await this.#disk.replace(FILE, bytes.slice())
    this.#file = await this.#disk.open(FILE, 'write')
    this.#endBytes = bytes.length
    this.#linesInFile = records.length
  }
}

/** As it travels and as it is kept. */
export const encodeRecord = (record: RepairRecord): string =>
  JSON.stringify({ ...record, at: record.at.getTime() })

/** Undefined for what is none. */
export function decodeRecord(text: string): RepairRecord | undefined {
  try {
    const value = JSON.parse(text) as Omit<RepairRecord, 'at'> & { readonly at: number }
    const isRecord = Number.isInteger(value.number) && Number.isFinite(value.at)
    return isRecord ? { ...value, at: new Date(value.at) } : undefined
  } catch {
    return undefined
  }
}

function encodeLine(record: RepairRecord): Uint8Array {
  const text = fromUtf8(encodeRecord(record))
  const head = new Uint8Array(HEAD_BYTES)
  const view = new DataView(head.buffer)
  view.setUint32(0, text.length)
  view.setUint32(4, crc32(text))
  return concat([head, text])
}

function decodeLedger(bytes: Uint8Array): RepairRecord[] {
  const records: RepairRecord[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const size = view.getUint32(at)
    const text = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + size)
    const isWhole = size <= RECORD_BYTES_MAX && text.length === size
    if (!isWhole || crc32(text) !== view.getUint32(at + 4)) break
    const record = decodeRecord(toUtf8(text))
    if (record === undefined) break
    records.push(record)
    at += HEAD_BYTES + size
  }
  return records
}

async function readFile(disk: Disk): Promise<Uint8Array> {
  try {
    return await withFile(disk, FILE, 'read', async file => file.read(0, await file.sizeBytes()))
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
    return new Uint8Array(0)
  }
}
