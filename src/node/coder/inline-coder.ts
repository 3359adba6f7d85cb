import { compileKernel } from '../../erasure/create-kernel.ts'
import type { HashAlgorithm, Hasher } from '../../erasure/hash.ts'
import { ArrayBuffers } from './array-buffers.ts'
import { type CodecName, createCodec } from './coder-tools.ts'
import type { Coder, DecodedBatch, DecodeJob, EncodedBatch, EncodeJob } from './coder.ts'
import type { RebuildJob, RebuiltBatch } from './coder.ts'
import { type Hashers, loadHashers } from './hashers.ts'
import { StripeCoder } from './stripe-coder.ts'

/**
 * Does each job at once on the thread that calls: for the simulator, where nothing may happen
 * behind its back, and for small inputs anywhere.
 */
export class InlineCoder implements Coder {
  readonly threads = 0
  readonly buffers: ArrayBuffers = new ArrayBuffers()
  readonly #stripes: StripeCoder
  readonly #hashers: Hashers

  constructor(stripes: StripeCoder, hashers: Hashers) {
    this.#stripes = stripes
    this.#hashers = hashers
  }

  static async create(codec: CodecName = 'kernel'): Promise<InlineCoder> {
    const hashers = await loadHashers()
    return new InlineCoder(new StripeCoder(createCodec(codec, compileKernel()), hashers), hashers)
  }

  get blake3(): 'native' | 'portable' {
    return this.#hashers.blake3
  }

  hasher(algorithm: HashAlgorithm): Hasher {
    return this.#hashers.get(algorithm)
  }

  async encode(job: EncodeJob, signal?: AbortSignal): Promise<EncodedBatch> {
    signal?.throwIfAborted()
    return this.#stripes.encode(job)
  }

  async decode(job: DecodeJob, signal?: AbortSignal): Promise<DecodedBatch> {
    signal?.throwIfAborted()
    return this.#stripes.decode(job)
  }

  async rebuild(job: RebuildJob, signal?: AbortSignal): Promise<RebuiltBatch> {
    signal?.throwIfAborted()
    return this.#stripes.rebuild(job)
  }

  async close(): Promise<void> {}
}
