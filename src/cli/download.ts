import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { basename, dirname, join } from 'node:path'

import { codeOf, HoldfastError } from '../base/errors.ts'
import type { ObjectInfo } from '../index.ts'
import { retrying } from './parallel.ts'
import type { PeerClient } from './peer-client.ts'
import { objectPath, queryOf, type Target, textOf } from './target.ts'
import type { Wire } from './wire.ts'

/**
 * An object on its way out of the network. It gathers in a hidden file beside its place, named after
 * the version, and gets its name when it is whole and durable: so what has the name is whole, and
 * what was fetched before a failure need not be again.
 */
const SUFFIX = '.holdfast-part'

/** Whether a file is one of these, and not somebody's data. */
export const isPartialFile = (name: string): boolean =>
  name.startsWith('.') && name.endsWith(SUFFIX)

export interface DownloadOptions {
  readonly client: PeerClient
  readonly signal: AbortSignal
  readonly version?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly onBytes: (bytes: number) => void
  readonly onSkipped: (bytes: number) => void
}

export type Found = Wire<ObjectInfo>

export const findObject = (
  target: Target,
  { client, version }: Pick<DownloadOptions, 'client' | 'version'>,
): Promise<Found> => client.get<Found>(`${objectPath('stat', target)}${queryOf({ version })}`)

/** Writes an object into a file; what has this name is replaced. */
export async function downloadFile(
  info: Found,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const partial = partialPath(path, info)
  await fill(partial, info, options)
  const { size } = await stat(partial)
  if (size !== info.sizeBytes) {
    await rm(partial, { force: true })
    throw new HoldfastError(`Cannot get ${textOf(info)}: it came with ${size} bytes`, {
      code: 'CORRUPT',
      what: textOf(info),
    })
  }
  await rename(partial, path)
}

/**
 * Writes what is missing, each byte at its own place, so that two who fetch the same do no harm; and
 * makes it durable.
 */
async function fill(partial: string, info: Found, options: DownloadOptions): Promise<void> {
  const file = await open(partial, constants.O_RDWR | constants.O_CREAT)
  try {
    let at = Math.min((await file.stat()).size, info.sizeBytes)
    options.onSkipped(at)
    await fetchRest(info, at, options, async chunk => {
      await writeAll(file, chunk, at)
      at += chunk.length
    })
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

/** Hands an object to somebody as it comes. */
export const downloadTo = (
  info: Found,
  write: (bytes: Uint8Array) => Promise<void>,
  options: DownloadOptions,
): Promise<void> => fetchRest(info, 0, options, write)

/** Goes on where a connection broke off. */
async function fetchRest(
  info: Found,
  from: number,
  options: DownloadOptions,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  let at = from
  await retrying(options.signal, async () => {
    if (at === info.sizeBytes) return
    for await (const chunk of await openRest(info, at, options)) {
      await write(chunk)
      at += chunk.length
      options.onBytes(chunk.length)
    }
  })
}

/** The rest of just this state of the object. */
async function openRest(
  info: Found,
  at: number,
  { client, signal, version, headers }: DownloadOptions,
): Promise<AsyncIterable<Uint8Array>> {
  try {
    const response = await client.open({
      method: 'GET',
      path: `${objectPath('objects', info)}${queryOf({ version })}`,
      headers: {
        ...headers,
        'if-match': `"${info.etag}"`,
        ...(at > 0 && { range: `bytes=${at}-` }),
      },
      signal,
    })
    return bytesOf(response, info)
  } catch (error) {
    throw codeOf(error) === 'PRECONDITION_FAILED' ? replaced(info, error) : error
  }
}

/** A connection that breaks off in the middle is worth another attempt at the rest. */
async function* bytesOf(response: IncomingMessage, info: Found): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new HoldfastError(
      `Cannot get ${textOf(info)}: the peer has broken off`,
      { code: 'TIMEOUT', what: 'the rest of the object', afterMs: 0 },
      { cause },
    )
  }
}

function partialPath(path: string, { version, etag }: Found): string {
  const state = createHash('sha256').update(`${version} ${etag}`).digest('hex').slice(0, 8)
  return join(dirname(path), `.${basename(path)}.${state}${SUFFIX}`)
}

const replaced = (info: Found, cause: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot get ${textOf(info)}: it was replaced meanwhile`,
    { code: 'PRECONDITION_FAILED', condition: 'ifMatch' },
    { cause },
  )
