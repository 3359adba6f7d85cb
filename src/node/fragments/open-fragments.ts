import type { Disk, Environment } from '../../base/environment.ts'
import type { Finding } from '../../storage/fragment-health.ts'
import { FragmentStore } from '../../storage/fragment-store.ts'
import type { KeyValue } from '../../storage/key-value.ts'
import type { Coder } from '../coder/coder.ts'
import { fragmentNames } from '../fragment-names.ts'
import type { Home } from '../machine.ts'
import type { FragmentPeers } from './fragment-peers.ts'
import { serveFragments } from './fragment-service.ts'
import { NetworkFragments } from './network-fragments.ts'

/** What the fragments of a peer lie in: both are only theirs. */
interface FragmentStorage {
  readonly disk: Disk
  readonly keyValue: KeyValue
}

/** The fragments of this peer, and the way to those of all. */
export interface Fragments {
  readonly store: FragmentStore
  readonly peers: FragmentPeers
  /** Once nobody uses them any more. Waits for what is being changed. */
  close(): Promise<void>
}

export interface OpenFragmentsOptions {
  readonly environment: Environment
  readonly storage: FragmentStorage
  readonly coder: Pick<Coder, 'hasher'>
  /** 32 bytes. */
  readonly networkId: Uint8Array
  /** What they may take. @default what the disk has room for */
  readonly capacityBytes?: number | undefined
  /** Room kept back for tidying up a full disk; see `FragmentStoreOptions`. */
  readonly reserveBytes?: number | undefined
  /** Told of what has rotted or is gone. */
  readonly onFinding?: ((finding: Finding) => void) | undefined
}

/** Two directories of a peer's home: the files, and the records of what is in them. */
export async function openFragmentStorage(home: Home): Promise<FragmentStorage> {
  const disk = await home.openDirectory('fragments')
  return { disk, keyValue: await home.openKeyValue('fragment-records') }
}

/**
 * Opens the store of this peer and serves it to the others. Closes the storage when it is closed.
 * @throws {HoldfastError} see `FragmentStore.open`
 */
export async function openFragments(options: OpenFragmentsOptions): Promise<Fragments> {
  const { environment, storage, coder, networkId } = options
  const { capacityBytes, reserveBytes, onFinding } = options
  const { clock, random } = environment
  const hashers = { blake3: coder.hasher('blake3'), 'sha2-256': coder.hasher('sha2-256') }
  const store = await FragmentStore.open({
    ...storage,
    names: fragmentNames(hashers),
    clock,
    random: random.fork('fragments'),
    networkId,
    ...(capacityBytes === undefined ? {} : { capacityBytes }),
    ...(reserveBytes === undefined ? {} : { reserveBytes }),
    ...(onFinding === undefined ? {} : { onFinding }),
  })
  serveFragments(store, environment)
  const close = async (): Promise<void> => {
    await store.idle()
    await storage.keyValue.close()
  }
  return { store, peers: new NetworkFragments({ environment, store }), close }
}
