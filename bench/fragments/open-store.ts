import fs from 'node:fs'
import { join } from 'node:path'

import blake from '@napi-rs/blake-hash'

import type { Hasher } from '../../src/erasure/hash.ts'
import { fragmentNames } from '../../src/node/fragment-names.ts'
import { systemClock, systemRandom } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { FragmentStore } from '../../src/storage/fragment-store.ts'
import { LevelKeyValue } from '../../src/storage/level-key-value.ts'

export const blake3: Hasher = { algorithm: 'blake3', hash: bytes => blake.blake3(bytes) }
const names = fragmentNames({ blake3, 'sha2-256': blake3 })

export interface OpenStore {
  readonly store: FragmentStore
  readonly close: () => Promise<void>
}

/** Opens the store in a directory, or makes one. */
export async function openStore(directory: string): Promise<OpenStore> {
  fs.mkdirSync(directory, { recursive: true })
  const keyValue = await LevelKeyValue.open(join(directory, 'keys'))
  const store = await FragmentStore.open({
    disk: openDisk(directory),
    keyValue,
    names,
    clock: systemClock,
    random: systemRandom(),
    networkId: new Uint8Array(32),
  })
  return { store, close: () => keyValue.close() }
}
