import { HoldfastError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import type { Coder } from '../../../src/node/coder/coder.ts'
import { decodeStream, type StoredObject } from '../../../src/node/coder/decode-stream.ts'
import { encodeStream, type EncodeStreamOptions } from '../../../src/node/coder/encode-stream.ts'
import type {
  FragmentFault,
  FragmentPlace,
  FragmentSource,
} from '../../../src/node/coder/fragment-source.ts'
import type { UnitKey } from '../../../src/node/coder/unit-cipher.ts'

export const someKey: UnitKey = {
  key: new Prng(7).bytes(32),
  noncePrefix: new Prng(8).bytes(7),
  associatedData: new Prng(9).bytes(17),
}

/** One fragment as a peer would keep it. */
interface Kept {
  bytes: Uint8Array<ArrayBuffer>
  leaves: Uint8Array<ArrayBuffer>
}

/** Fragments in memory, which can be lost, spoilt, and counted. */
export class MemoryStore implements FragmentSource {
  readonly segments: Kept[][] = []
  readonly lost: Set<number> = new Set<number>()
  cellBytesRead = 0
  cellsRead = 0

  columnsOf(segment: number): number[] {
    return [...(this.segments[segment] ?? []).keys()].filter(column => !this.lost.has(column))
  }

  async leaves({ segment, column }: FragmentPlace): Promise<Uint8Array> {
    return this.fragment(segment, column).leaves.slice()
  }

  async cells(
    { segment, column }: FragmentPlace,
    range: { from: number; to: number; offsetBytes: number; sizeBytes: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.cellsRead += range.to - range.from
    this.cellBytesRead += range.sizeBytes
    const { bytes } = this.fragment(segment, column)
    return bytes.slice(range.offsetBytes, range.offsetBytes + range.sizeBytes)
  }

  fragment(segment: number, column: number): Kept {
    const kept = this.segments[segment]?.[column]
    if (kept !== undefined) return kept
    throw new HoldfastError('Cannot read: no such fragment', { code: 'FILE_NOT_FOUND', path: '.' })
  }
}

/** Chunks of sizes that fit nothing. */
export async function* inChunks(
  bytes: Uint8Array,
  sizes: readonly number[] = [100_003],
): AsyncGenerator<Uint8Array> {
  let turn = 0
  for (let at = 0; at < bytes.length;) {
    const size = sizes[turn++ % sizes.length] as number
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** Encodes into memory. */
export async function store(
  source: AsyncIterable<Uint8Array>,
  options: EncodeStreamOptions,
): Promise<{ object: StoredObject; store: MemoryStore }> {
  const kept = new MemoryStore()
  const segments: StoredObject['segments'][number][] = []
  let columns: Uint8Array[][] = []
  let plainBytes = 0
  for await (const event of encodeStream(source, options)) {
    if (event.type === 'end') plainBytes = event.plainBytes
    else if (event.type === 'cells') {
      for (const [column, cells] of event.columns.entries())
        (columns[column] ??= []).push(...cells.map(cell => cell.slice()))
      event.release()
    } else {
      kept.segments.push(
        event.fragments.map(({ leaves }, column) => ({
          bytes: new Uint8Array(Buffer.concat(columns[column] ?? [])),
          leaves: leaves.slice(),
        })),
      )
      segments.push({ k: event.scheme.k, fragments: event.fragments.map(({ id }) => id) })
      columns = []
    }
  }
  return { object: { plainBytes, key: options.key, segments }, store: kept }
}

/** Decodes from memory. */
export async function load(
  object: StoredObject,
  source: FragmentSource,
  options: { coder: Coder; from?: number; to?: number; faults?: FragmentFault[] },
): Promise<Uint8Array> {
  const { coder, faults, ...range } = options
  const chunks: Uint8Array[] = []
  const onFault = (fault: FragmentFault): void => void faults?.push(fault)
  for await (const chunk of decodeStream(object, { coder, source, onFault, ...range }))
    chunks.push(chunk)
  return Buffer.concat(chunks)
}
