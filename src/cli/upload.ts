import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

import { codeOf, HoldfastError } from '../base/errors.ts'
import type { UploadedPart, UploadName, Written } from '../index.ts'
import { contentTypeOf } from './content-type.ts'
import { inParallel, retrying } from './parallel.ts'
import type { PeerClient } from './peer-client.ts'
import { objectPath, queryOf, type Target } from './target.ts'
import { dropState, readState, statePath, type UploadState, writeState } from './upload-state.ts'
import type { Wire } from './wire.ts'

/**
 * A file on its way into the network. Up to `WHOLE_BYTES_MAX` it goes in one piece; a larger one in
 * parts, some at a time, and what was uploaded need not be again: not after a failure, not when the
 * program was killed.
 */
const MIB = 1_048_576
const WHOLE_BYTES_MAX = 64 * MIB
/** Whole segments, and few enough parts even for a file of terabytes. */
const PART_BYTES_MIN = 64 * MIB
const PARTS_MAX = 10_000
const PARTS_PAGE = 1000

export interface LocalFile {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface UploadOptions {
  readonly client: PeerClient
  readonly signal: AbortSignal
  readonly target: Target
  /** The network's id. */
  readonly network: string
  /** How many parts at a time. */
  readonly parallel: number
  readonly headers: Readonly<Record<string, string>>
  /** What says under which key, with every piece; see `headersOfKey`. */
  readonly keyHeaders: Readonly<Record<string, string>>
  readonly ifNoneMatch?: '*' | undefined
  /** Bytes that went out; fewer than none if they have to again. */
  readonly onBytes: (bytes: number) => void
  /** Bytes that were there already. */
  readonly onSkipped: (bytes: number) => void
}

export type UploadResult = Wire<Written>

export async function uploadFile(file: LocalFile, options: UploadOptions): Promise<UploadResult> {
  const headers = { 'content-type': contentTypeOf(file.path), ...options.headers }
  const given = { ...options, headers }
  return file.sizeBytes <= WHOLE_BYTES_MAX ? uploadWhole(file, given) : uploadParts(file, given)
}

function uploadWhole(file: LocalFile, options: UploadOptions): Promise<UploadResult> {
  const { client, signal, target, ifNoneMatch, onBytes } = options
  const headers = { ...options.headers, ...options.keyHeaders }
  return retrying(signal, () =>
    sendSlice(file, { first: 0, end: file.sizeBytes }, onBytes, (body, length) =>
      client.send<UploadResult>({
        method: 'PUT',
        path: objectPath('objects', target),
        headers: {
          ...headers,
          'content-length': length,
          ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
        },
        body,
        signal,
      }),
    ),
  )
}

/** Encrypts under a key of one's own: no peer can read it without. */
export const headersOfKey = (key: Uint8Array | undefined): Record<string, string> =>
  key === undefined ? {} : { 'x-holdfast-encryption-key': Buffer.from(key).toString('base64') }

/** What comes of standard input has no size and cannot be had again: it goes in one piece. */
export function uploadStream(
  source: AsyncIterable<Uint8Array>,
  options: Omit<UploadOptions, 'network' | 'parallel' | 'onSkipped'>,
): Promise<UploadResult> {
  const { client, signal, target, headers, keyHeaders, ifNoneMatch, onBytes } = options
  return client.send<UploadResult>({
    method: 'PUT',
    path: objectPath('objects', target),
    headers: {
      'content-type': contentTypeOf(target.key),
      ...headers,
      ...keyHeaders,
      ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    },
    body: metered(source, onBytes),
    signal,
  })
}

async function uploadParts(file: LocalFile, options: UploadOptions): Promise<UploadResult> {
  const { client, signal, target, network, parallel, ifNoneMatch, onSkipped } = options
  const path = statePath(file.path, network, target)
  const { state, found } = await findOrBegin(file, path, options)
  const slices = slicesOf(file.sizeBytes, state.partBytes)
  const done = new Map<number, string>()
  for (const { part, first, end } of slices) {
    const there = found.get(part)
    if (there?.sizeBytes !== end - first) continue
    done.set(part, there.etag)
    onSkipped(end - first)
  }
  const missing = slices.filter(({ part }) => !done.has(part))
  await inParallel(missing, parallel, signal, async (slice, within) => {
    const { etag } = await uploadPart(file, slice, { ...options, signal: within }, state)
    done.set(slice.part, etag)
  })
  await mustBeUnchanged(file)
  const parts = slices.map(({ part }) => ({ part, etag: done.get(part) }))
  const written = await retrying(signal, () =>
    client.send<UploadResult>({
      method: 'POST',
      path: `${objectPath('uploads', target)}${queryOf({ upload: state.upload })}`,
      headers: {
        'content-type': 'application/json',
        ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
      },
      body: text(JSON.stringify({ parts })),
      signal,
    }),
  )
  await dropState(path)
  return written
}

/** Parts of two states of a file would make one that never was. */
async function mustBeUnchanged({ path, sizeBytes, modifiedMs }: LocalFile): Promise<void> {
  const { size, mtimeMs } = await stat(path)
  if (size === sizeBytes && mtimeMs === modifiedMs) return
  throw new HoldfastError(`Cannot store ${path}: it changed while it was uploaded; try again`, {
    code: 'BUSY',
    what: path,
  })
}

interface Slice {
  readonly first: number
  /** The byte after its last one. */
  readonly end: number
}

const uploadPart = (
  file: LocalFile,
  slice: Slice & { readonly part: number },
  { client, signal, target, keyHeaders, onBytes }: UploadOptions,
  { upload }: UploadState,
): Promise<Wire<UploadedPart>> =>
  retrying(signal, () =>
    sendSlice(file, slice, onBytes, (body, length) =>
      client.send<Wire<UploadedPart>>({
        method: 'PUT',
        path: `${objectPath('uploads', target)}${queryOf({ upload, part: slice.part })}`,
        headers: { ...keyHeaders, 'content-length': length },
        body,
        signal,
      }),
    ),
  )

/** The upload that was begun for this file and what is there of it, or a new one. */
async function findOrBegin(
  file: LocalFile,
  path: string,
  options: UploadOptions,
): Promise<{
  readonly state: UploadState
  readonly found: ReadonlyMap<number, Wire<UploadedPart>>
}> {
  const before = await readState(path, file)
  if (before !== undefined) {
    const found = await partsOf(before, options)
    if (found !== undefined) return { state: before, found }
  }
  const { client, target, headers } = options
  const begun = await client.post<UploadName>(objectPath('uploads', target), { headers })
  const { sizeBytes, modifiedMs } = file
  const state = { upload: begun.upload, partBytes: partBytesOf(sizeBytes), sizeBytes, modifiedMs }
  await writeState(path, state)
  return { state, found: new Map() }
}

/** Undefined if the network no longer knows of this upload. */
async function partsOf(
  { upload }: UploadState,
  { client, target }: UploadOptions,
): Promise<ReadonlyMap<number, Wire<UploadedPart>> | undefined> {
  const found = new Map<number, Wire<UploadedPart>>()
  try {
    for (let after = 0; ;) {
      const query = queryOf({ upload, after, limit: PARTS_PAGE })
      const { parts } = await client.get<{ readonly parts: readonly Wire<UploadedPart>[] }>(
        `${objectPath('uploads', target)}${query}`,
      )
      for (const part of parts) found.set(part.part, part)
      after = parts.at(-1)?.part ?? after
      if (parts.length < PARTS_PAGE) return found
    }
  } catch (error) {
    if (codeOf(error) === 'NO_SUCH_UPLOAD') return undefined
    throw error
  }
}

export const partBytesOf = (sizeBytes: number): number =>
  Math.max(PART_BYTES_MIN, Math.ceil(sizeBytes / PARTS_MAX / (16 * MIB)) * 16 * MIB)

export function slicesOf(
  sizeBytes: number,
  partBytes: number,
): readonly (Slice & { readonly part: number })[] {
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => ({
    part: index + 1,
    first: index * partBytes,
    end: Math.min((index + 1) * partBytes, sizeBytes),
  }))
}

/** Sends a slice of a file; takes back what it told of it if that fails. */
async function sendSlice<Result>(
  { path }: LocalFile,
  { first, end }: Slice,
  onBytes: (bytes: number) => void,
  send: (body: AsyncIterable<Uint8Array>, length: string) => Promise<Result>,
): Promise<Result> {
  let told = 0
  const count = (bytes: number): void => {
    told += bytes
    onBytes(bytes)
  }
  // Of nothing there is no last byte.
  const source = end === first ? text('') : createReadStream(path, { start: first, end: end - 1 })
  try {
    return await send(metered(source, count), String(end - first))
  } catch (error) {
    onBytes(-told)
    throw error
  }
}

async function* metered(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    yield chunk
    onBytes(chunk.length)
  }
}

async function* text(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content)
}
