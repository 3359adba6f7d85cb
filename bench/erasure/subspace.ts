import { createCipheriv, createHash, createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { ReedSolomonErasure } from 'reed-solomon-erasure.wasm'

/** `reed-solomon-erasure.wasm` as its own users call it: one array with all shards in it. */
const folder = dirname(createRequire(import.meta.url).resolve('reed-solomon-erasure.wasm'))
const bytes = readFileSync(join(folder, 'reed_solomon_erasure_bg.wasm'))
export const createSubspace = (): ReedSolomonErasure => ReedSolomonErasure.fromBytes(bytes)

/** `reconstruct` spoils the package's heap a little each time; before it shows, a new one is due. */
const RECONSTRUCTIONS_MAX = 64

/** Restores lost data again and again. */
export function reconstructor(k: number, m: number, size: number): (lost: number[]) => void {
  let instance = createSubspace()
  let uses = 0
  const shards = new Uint8Array((k + m) * size).map((_, at) => at * 7)
  shards.fill(0, k * size)
  instance.encode(shards, k, m)
  return lost => {
    if (++uses % RECONSTRUCTIONS_MAX === 0) instance = createSubspace()
    const available = Array.from({ length: k + m }, (_, index) => !lost.includes(index))
    const result = instance.reconstruct(shards, k, m, available)
    if (result !== 0) throw new Error(`reconstruct answers ${result}`)
  }
}

/** What a program would do with that package and Node alone: AES, encode, a sha2-256 per cell. */
export function plainPipeline(k: number, m: number, cell: number): (plain: Uint8Array) => void {
  const instance = createSubspace()
  const shards = new Uint8Array((k + m) * cell)
  const key = createSecretKey(new Uint8Array(32))
  const nonce = new Uint8Array(12)
  return plain => {
    const stripeBytes = k * (cell - 16)
    for (let at = 0; at < plain.length; at += stripeBytes) {
      for (let unit = 0; unit < k; unit++) {
        const from = at + unit * (cell - 16)
        const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
        shards.set(cipher.update(plain.subarray(from, from + cell - 16)), unit * cell)
        cipher.final()
        shards.set(cipher.getAuthTag(), (unit + 1) * cell - 16)
      }
      instance.encode(shards, k, m)
      for (let shard = 0; shard < k + m; shard++)
        createHash('sha256')
          .update(shards.subarray(shard * cell, (shard + 1) * cell))
          .digest()
    }
  }
}
