import type { Disk } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { FragmentFile } from './fragment-file.ts'
import { HOME, INCOMING } from './fragment-files.ts'
import type { FragmentNames } from './fragment-names.ts'

/** What the file of a fragment says about itself. */
export interface Salvaged {
  readonly id: string
  readonly path: string
  readonly sizeBytes: number
  readonly sealed: Uint8Array
}

/**
 * Walks the files of a store whose records are lost, and returns what their heads say: enough to
 * rebuild a catalog from (`fragment-origin.ts`). Cells are not read. Files that are not whole are
 * passed over. Fragments of one cell have no file and are lost with the records.
 */
export async function* salvage(disk: Disk, names: FragmentNames): AsyncGenerator<Salvaged> {
  const homes = (await disk.list(HOME)).map(({ name }) => `${HOME}/${name}`)
  for (const directory of [INCOMING, ...homes]) {
    for (const { name } of await disk.list(directory)) {
      const path = `${directory}/${name}`
      const found = await headOf(disk, names, path)
      if (found !== undefined) yield { path, ...found }
    }
  }
}

async function headOf(
  disk: Disk,
  names: FragmentNames,
  path: string,
): Promise<Omit<Salvaged, 'path'> | undefined> {
  try {
    const id = path.slice(path.lastIndexOf('/') + 1).replace(/^\d+\./, '')
    const file = await FragmentFile.open(disk, path, names.decode(id))
    if (file === undefined) return undefined
    await file.close()
    return { id, sizeBytes: file.head.sizeBytes, sealed: file.head.sealed }
  } catch (error) {
    if (codeOf(error) === undefined || codeOf(error) === 'DISK_FAILED') throw error
    return undefined
  }
}
