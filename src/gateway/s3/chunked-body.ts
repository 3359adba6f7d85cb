/**
 * The `aws-chunked` encoding: a body in chunks of its own inside that of HTTP, so that a stream can
 * be signed as it goes and end in headers.
 *
 *     chunk:    size in hex [;chunk-signature=…] CRLF, bytes, CRLF
 *     last:     0 [;chunk-signature=…] CRLF
 *     trailer:  lines `name:value`, an empty line
 *
 * Each signature covers the one before it, so chunks can neither be swapped nor left out. A signed
 * chunk is held until it is verified, an unsigned one is passed on as it comes: memory is bounded by
 * one chunk.
 */
import { hash } from 'node:crypto'

import type { Signing } from './authenticate.ts'
import { S3Error } from './s3-error.ts'
import { EMPTY_SHA256, isSame, sign } from './signature.ts'

const HEAD_BYTES_MAX = 256
/** What clients sign at a time is 64 KiB to 1 MiB. */
const SIGNED_CHUNK_BYTES_MAX = 16 << 20
const TRAILER_BYTES_MAX = 16_384
const TRAILER_LINES_MAX = 32
const LF = 0x0a
const CR = 0x0d

export interface ChunkedOptions {
  /** Undefined if chunks are not signed. */
  readonly signing: Signing | undefined
  /** Whether what follows the last chunk is a trailer. */
  readonly hasTrailer: boolean
  /** Told of the trailer, verified, names in lower case; without one, of none. */
  readonly onTrailer: (trailer: ReadonlyMap<string, string>) => void
}

/**
 * The bytes in a chunked body.
 * @throws {S3Error} `IncompleteBody`, `SignatureDoesNotMatch`, `InvalidRequest`
 */
export async function* decodeChunks(
  source: AsyncIterable<Uint8Array>,
  { signing, hasTrailer, onTrailer }: ChunkedOptions,
): AsyncGenerator<Uint8Array> {
  const input = new ByteInput(source)
  try {
    const chain = signing === undefined ? undefined : new SignatureChain(signing)
    for (;;) {
      const { size, signature } = headOf(await input.line(HEAD_BYTES_MAX))
      if (chain === undefined) yield* input.pass(size)
      else {
        if (size > SIGNED_CHUNK_BYTES_MAX) throw invalid('A signed chunk is too large')
        const chunk = await input.take(size)
        chain.checkChunk(chunk, signature)
        if (size > 0) yield chunk
      }
      if (size === 0) {
        const trailer = hasTrailer ? await readTrailer(input, chain) : await readEnd(input)
        await input.demandEnd()
        onTrailer(trailer)
        return
      }
      if ((await input.line(0)) !== '') throw invalid('A chunk is longer than it says')
    }
  } finally {
    await input.close()
  }
}

function headOf(line: string): { readonly size: number; readonly signature: string } {
  const [, size, signature = ''] =
    /^([\da-fA-F]{1,12})(?:;chunk-signature=([\da-f]{64}))?\s*$/.exec(line) ?? []
  if (size === undefined) throw invalid('A chunk has no head')
  return { size: Number.parseInt(size, 16), signature }
}

async function readTrailer(
  input: ByteInput,
  chain: SignatureChain | undefined,
): Promise<ReadonlyMap<string, string>> {
  const lines: string[] = []
  for (let size = 0; ;) {
    // Some end with their last line rather than with an empty one.
    const line = await input.line(TRAILER_BYTES_MAX, lines.length > 0 ? '' : undefined)
    if (line === '') break
    size += line.length
    lines.push(line)
    if (size > TRAILER_BYTES_MAX || lines.length > TRAILER_LINES_MAX)
      throw invalid('The trailer is too long')
  }
  const trailer = new Map(lines.map(pairOf))
  chain?.checkTrailer(lines, trailer.get('x-amz-trailer-signature') ?? '')
  return trailer
}

/** Nothing but the end of the last line may follow. */
async function readEnd(input: ByteInput): Promise<ReadonlyMap<string, string>> {
  if ((await input.line(0, '')) !== '') throw invalid('Something follows the last chunk')
  return new Map()
}

function pairOf(line: string): readonly [string, string] {
  const at = line.indexOf(':')
  if (at < 1) throw invalid('A line of the trailer has no name')
  return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()]
}

/** Each signature is made from the one before. */
class SignatureChain {
  readonly #signing: Signing
  #previous: string

  constructor(signing: Signing) {
    this.#signing = signing
    this.#previous = signing.signature
  }

  checkChunk(chunk: Uint8Array, signature: string): void {
    this.#check('AWS4-HMAC-SHA256-PAYLOAD', signature, [EMPTY_SHA256, hash('sha256', chunk, 'hex')])
  }

  checkTrailer(lines: readonly string[], signature: string): void {
    const text = lines
      .filter(line => pairOf(line)[0] !== 'x-amz-trailer-signature')
      .map(line => `${pairOf(line).join(':')}\n`)
      .join('')
    this.#check('AWS4-HMAC-SHA256-TRAILER', signature, [
      hash('sha256', Buffer.from(text, 'latin1')),
    ])
  }

  #check(algorithm: string, signature: string, more: readonly string[]): void {
    const { key, moment, scope } = this.#signing
    const expected = sign(key, [algorithm, moment, scope, this.#previous, ...more].join('\n'))
    if (!isSame(signature, expected))
      throw new S3Error('SignatureDoesNotMatch', 'The signature of a chunk does not match')
    this.#previous = expected
  }
}

/** Lines and runs of bytes out of a source that comes in pieces of any size. */
class ByteInput {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** A line without its end; `atEnd` if the source ends instead. */
  async line(bytesMax: number, atEnd?: string): Promise<string> {
    let line = ''
    for (;;) {
      const end = this.#held.indexOf(LF)
      line += latin1(end < 0 ? this.#held : this.#held.subarray(0, end))
      if (line.length > bytesMax + 1) throw invalid('A line is too long')
      if (end >= 0) {
        this.#held = this.#held.subarray(end + 1)
        return line.charCodeAt(line.length - 1) === CR ? line.slice(0, -1) : line
      }
      this.#held = new Uint8Array()
      if (await this.#read()) continue
      if (atEnd !== undefined && line.trim() === '') return atEnd
      throw incomplete()
    }
  }

  /** So many bytes in one piece. */
  async take(size: number): Promise<Uint8Array> {
    if (this.#held.length >= size) return this.#cut(size)
    const taken = new Uint8Array(size)
    let at = 0
    for await (const piece of this.pass(size)) {
      taken.set(piece, at)
      at += piece.length
    }
    return taken
  }

  /** So many bytes as they come. */
  async *pass(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      if (this.#held.length === 0 && !(await this.#read())) throw incomplete()
      const piece = this.#cut(Math.min(left, this.#held.length))
      left -= piece.length
      yield piece
    }
  }

  /** Reads on to the end, for the connection goes on behind it. */
  async demandEnd(): Promise<void> {
    if (this.#held.length > 0 || (await this.#read()))
      throw invalid('The body goes on after its end')
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }

  #cut(size: number): Uint8Array {
    const piece = this.#held.subarray(0, size)
    this.#held = this.#held.subarray(size)
    return piece
  }

  async #read(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next()
      if (next.done === true) return false
      if (next.value.length === 0) continue
      this.#held = next.value
      return true
    }
  }
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

const invalid = (why: string): S3Error => new S3Error('InvalidRequest', why)

const incomplete = (): S3Error =>
  new S3Error('IncompleteBody', 'You did not provide the number of bytes that you said you would')
