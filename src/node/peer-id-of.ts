import { resolve } from 'node:path'

import { codeOf } from '../base/errors.ts'
import { openIdentity } from '../net/identity.ts'
import { identityPath, openDataDirectory } from './data-directory.ts'

/**
 * Who the peer of a data directory is, before it has ever run, or while it does. Makes the directory
 * and the identity if they are not there.
 * @throws {HoldfastError} `FILE_FORBIDDEN`, `MALFORMED`
 */
export async function peerIdOf(dataDirectory: string): Promise<string> {
  try {
    const directory = await openDataDirectory(dataDirectory)
    try {
      return (await openIdentity(directory.identityPath)).peer
    } finally {
      await directory.release()
    }
  } catch (error) {
    if (codeOf(error) !== 'DIRECTORY_LOCKED') throw error
    // Who holds it has made the identity.
    return (await openIdentity(identityPath(resolve(dataDirectory)))).peer
  }
}
