import { createHash } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import type { Target } from './target.ts'

/**
 * What is needed to go on with an upload in parts: a small hidden file beside the one that is
 * uploaded, named after where it goes. It is not there when nothing is under way.
 */
export interface UploadState {
  readonly upload: string
  readonly partBytes: number
  /** Of the file when it began: if it is another one by now, so must be the upload. */
  readonly sizeBytes: number
  readonly modifiedMs: number
}

const SUFFIX = '.holdfast-upload'

/** Whether a file is one of these, and not somebody's data. */
export const isUploadState = (name: string): boolean =>
  name.startsWith('.') && (name.endsWith(SUFFIX) || name.endsWith(`${SUFFIX}.tmp`))

/** @param network its id: the same names in another network are another place */
export function statePath(file: string, network: string, { bucket, key }: Target): string {
  const place = createHash('sha256')
    .update(JSON.stringify([network, bucket, key]))
    .digest('hex')
  return join(dirname(file), `.${basename(file)}.${place.slice(0, 8)}${SUFFIX}`)
}

/** What was begun for this very file; undefined if nothing was. */
export async function readState(
  path: string,
  { sizeBytes, modifiedMs }: { readonly sizeBytes: number; readonly modifiedMs: number },
): Promise<UploadState | undefined> {
  try {
    const state = JSON.parse(await readFile(path, 'utf8')) as UploadState
    const isSame = state.sizeBytes === sizeBytes && state.modifiedMs === modifiedMs
    return isSame && typeof state.upload === 'string' && state.partBytes > 0 ? state : undefined
  } catch {
    // Not there, or not whole: nothing was begun.
    return undefined
  }
}

/** False if nothing can be written there; then the upload cannot be gone on with. */
export async function writeState(path: string, state: UploadState): Promise<boolean> {
  try {
    await writeFile(`${path}.tmp`, JSON.stringify(state), { mode: 0o600 })
    await rename(`${path}.tmp`, path)
    return true
  } catch {
    return false
  }
}

export const dropState = (path: string): Promise<void> => rm(path, { force: true })
