import { join } from 'node:path'

import type { Disk } from '../../src/base/environment.ts'
import { Prng } from '../../src/base/prng.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { FragmentStore, type FragmentStoreOptions } from '../../src/storage/fragment-store.ts'
import type { PutOptions } from '../../src/storage/fragment-writer.ts'
import { LevelKeyValue } from '../../src/storage/level-key-value.ts'
import { names, nameOf, type TestFragment } from '../support/fragments.ts'
import { withDirectory } from '../support/temporary.ts'

/** A store on the real disk, with a clock that the test moves. */
export interface StoreUnderTest {
  readonly directory: string
  readonly store: FragmentStore
  readonly clock: { nowMs: number }
  /** Everything found to be wrong. */
  readonly findings: unknown[]
  /** Closes the store, lets `between` work on the directory, and opens it again. */
  readonly reopen: (
    between?: () => void | Promise<void>,
    settings?: StoreSettings,
  ) => Promise<FragmentStore>
}

export type StoreSettings = Partial<FragmentStoreOptions> & {
  /** What the store takes for its disk, anew at each opening. */
  readonly diskOf?: (directory: string) => Disk
}

/** Runs `body` with a new store in a directory of its own. */
export function withStore(
  body: (given: StoreUnderTest) => Promise<void>,
  { diskOf = openDisk, ...settings }: StoreSettings = {},
): Promise<void> {
  return withDirectory(async directory => {
    const clock = { nowMs: 1_000_000 }
    const findings: unknown[] = []
    let keyValue: LevelKeyValue | undefined
    let opened = 0
    const open = async (changed: StoreSettings = {}): Promise<FragmentStore> => {
      keyValue = await LevelKeyValue.open(join(directory, 'keys'))
      return FragmentStore.open({
        disk: diskOf(directory),
        keyValue,
        names,
        clock: { wallMs: () => clock.nowMs, monotonicMs: () => clock.nowMs },
        random: new Prng(++opened),
        networkId: new Uint8Array(32),
        reserveBytes: 65_536,
        onFinding: finding => findings.push(finding),
        ...settings,
        ...changed,
      })
    }
    const reopen: StoreUnderTest['reopen'] = async (between, changed) => {
      await keyValue?.close()
      await between?.()
      return open(changed)
    }
    try {
      await body({ directory, store: await open(), clock, findings, reopen })
    } finally {
      await keyValue?.close()
    }
  })
}

/** A put of all of a fragment's bytes, by segment 1. */
export const putOf = ({ bytes }: TestFragment, segment = 1, index = 0): PutOptions => ({
  ...nameOf(segment, index),
  sizeBytes: bytes.length,
  sealed: Uint8Array.of(1, 2, 3),
})

/** Everything a store returns of a fragment. */
export async function readAll(store: FragmentStore, id: string): Promise<Uint8Array> {
  const cells: Uint8Array[] = []
  for await (const cell of store.read(id)) cells.push(cell)
  return Buffer.concat(cells)
}

/** Answers that the catalog lists nothing. */
export const listsNothing = (): Promise<boolean> => Promise.resolve(false)
