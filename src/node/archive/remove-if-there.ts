import type { Disk } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'

/** Removes a file that an interrupted run may have left. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
  }
}
