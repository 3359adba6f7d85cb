import { hash } from 'node:crypto'
import { createRequire } from 'node:module'

import { createBLAKE3 } from 'hash-wasm'

import type { HashAlgorithm, Hasher } from '../../erasure/hash.ts'

/**
 * The hashes that fragments are named by. BLAKE3 comes as machine code where a prebuilt binding
 * exists for the platform, and as WebAssembly elsewhere: equal digests, a seventh of the speed.
 */
export interface Hashers {
  readonly blake3: 'native' | 'portable'
  get(algorithm: HashAlgorithm): Hasher
}

type Blake3 = (bytes: Uint8Array) => Uint8Array

/** Hashers for one thread. @param blake3 `portable` to do without the binding even if it is there */
export async function loadHashers(blake3?: 'portable'): Promise<Hashers> {
  const native = blake3 === 'portable' ? undefined : nativeBlake3()
  const hashers: Record<HashAlgorithm, Hasher> = {
    blake3: { algorithm: 'blake3', hash: native ?? (await portableBlake3()) },
    'sha2-256': { algorithm: 'sha2-256', hash: bytes => hash('sha256', bytes, 'buffer') },
  }
  return { blake3: native ? 'native' : 'portable', get: algorithm => hashers[algorithm] }
}

/** The package throws when it is loaded without a binding, hence not by `import`. */
function nativeBlake3(): Blake3 | undefined {
  try {
    const binding = createRequire(import.meta.url)('@napi-rs/blake-hash') as { blake3: Blake3 }
    return bytes => binding.blake3(bytes)
  } catch {
    return undefined
  }
}

async function portableBlake3(): Promise<Blake3> {
  const hasher = await createBLAKE3()
  return bytes => hasher.init().update(bytes).digest('binary')
}
