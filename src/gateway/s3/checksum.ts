/**
 * The five checksums that S3 knows, computed as bytes pass by. An instance of the WebAssembly ones
 * is the state of one stream; those that are done are kept for the next.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

import { createCRC32, createCRC64, type IHasher } from 'hash-wasm'

export const checksumAlgorithms = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number]
/** Of a multipart object: over its parts' checksums, or over its bytes. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT'

const digestBytes: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
}

export interface RunningChecksum {
  update(bytes: Uint8Array): void
  /** Base64; ends it. */
  digest(): string
}

export async function startChecksum(algorithm: ChecksumAlgorithm): Promise<RunningChecksum> {
  if (algorithm === 'crc32') return new Crc32()
  if (algorithm === 'sha1' || algorithm === 'sha256') {
    const running = createHash(algorithm)
    return { update: bytes => void running.update(bytes), digest: () => running.digest('base64') }
  }
  return pooled(algorithm)
}

/** The checksum of bytes that are at hand. */
export async function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Promise<string> {
  const running = await startChecksum(algorithm)
  running.update(bytes)
  return running.digest()
}

/** The name of an algorithm, however it is spelt; undefined if there is no such. */
export const algorithmNamed = (name: string): ChecksumAlgorithm | undefined =>
  checksumAlgorithms.find(algorithm => algorithm === name.toLowerCase())

/** Base64 of as many bytes as the algorithm has. */
export function isDigest(algorithm: ChecksumAlgorithm, text: string): boolean {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === digestBytes[algorithm] && bytes.toString('base64') === text
}

class Crc32 implements RunningChecksum {
  #value = 0

  update(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value)
  }

  digest(): string {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#value)
    return bytes.toString('base64')
  }
}

type Pooled = 'crc32c' | 'crc64nvme'

/** The polynomials, bits reversed. */
const make: Readonly<Record<Pooled, () => Promise<IHasher>>> = {
  crc32c: () => createCRC32(0x82f63b78),
  crc64nvme: () => createCRC64('9a6c9329ac4bc9b5'),
}
const IDLE_MAX = 32
const idle: Readonly<Record<Pooled, IHasher[]>> = { crc32c: [], crc64nvme: [] }

async function pooled(algorithm: Pooled): Promise<RunningChecksum> {
  const hasher = idle[algorithm].pop() ?? (await make[algorithm]())
  hasher.init()
  return {
    update: bytes => void hasher.update(bytes),
    digest() {
      const digest = Buffer.from(hasher.digest('binary')).toString('base64')
      if (idle[algorithm].length < IDLE_MAX) idle[algorithm].push(hasher)
      return digest
    },
  }
}
