/**
 * The system group is founded once in the life of a network, by the peer that makes the network. A
 * mark on its disk, written before the network exists, says that this is still to be done; it goes
 * as soon as the group is in the log. A peer that lost its log later has no mark any more, and waits
 * to be invited like everybody else.
 */
import { fromUtf8 } from '../../base/bytes.ts'
import type { Disk } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'

const MARK = 'founding'

export const markFounding = (disk: Disk): Promise<void> =>
  disk.replace(MARK, fromUtf8('the system group is to be founded here\n'))

/** Durable when it resolves; nothing happens where there is no mark. */
export async function unmarkFounding(disk: Disk): Promise<void> {
  try {
    await disk.remove(MARK)
    await disk.syncDirectory('.')
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
  }
}

export const isToFound = async (disk: Disk): Promise<boolean> =>
  (await disk.list('.')).some(({ name }) => name === MARK)
