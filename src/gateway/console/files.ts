/**
 * The files of the console, as its build has left them. All are read into memory once, so what a
 * request names is looked up in a map and never becomes a path: there is no way out of it. What is
 * text is sent compressed: as a file beside it says (`app.js.br`, `app.js.gz`), or else as made here.
 *
 * A name that has a hash of what is in it (`app-4KJ2WQXA.js`) is kept for ever, all else asked for
 * again.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

import { packageRoot } from '../../node/package-root.ts'

/** Where a build of this package has it. */
export const builtConsole: string = fileURLToPath(new URL('dist/console', packageRoot))

const FILES_MAX = 500
const BYTES_MAX = 32 << 20
const INDEX = 'index.html'
/** Shorter ones are not worth the headers. */
const COMPRESSED_BYTES_MIN = 1_024
const HASHED = /-[A-Z0-9]{8}\.\w+$/

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}

/** The better first. */
const encodings = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const

export interface ConsoleFile {
  readonly type: string
  readonly isHashed: boolean
  readonly etag: string
  /** The bytes by how they are encoded; `identity` is always there. */
  readonly bodies: ReadonlyMap<string, Uint8Array>
}

export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

/** Everything in a directory; nothing if there is none. */
export async function readConsole(directory: string): Promise<ConsoleFiles> {
  const names = await namesIn(directory)
  const raw = new Map<string, Uint8Array>()
  let bytes = 0
  for (const name of names.slice(0, FILES_MAX)) {
    const body = await readFile(join(directory, name))
    bytes += body.length
    if (bytes > BYTES_MAX) break
    raw.set(name.split(sep).join('/'), body)
  }
  const files = new Map<string, ConsoleFile>()
  for (const [name, body] of raw) {
    const type = types[extname(name)]
    if (type !== undefined) files.set(name, await fileOf(name, type, body, raw))
  }
  return files
}

/** What a path names: `` and what has no dot are pages of the one page there is. */
export const fileAt = (files: ConsoleFiles, path: string): ConsoleFile | undefined =>
  files.get(path.includes('.') ? path : INDEX)

/** The best of a file's encodings that a client takes. */
export function encodingFor({ bodies }: ConsoleFile, accepted = ''): string {
  const taken = new Set(
    accepted
      .split(',')
      .filter(each => !/;\s*q=0(\.0*)?\s*$/.test(each))
      .map(each => each.split(';', 1)[0]?.trim().toLowerCase()),
  )
  return encodings.find(({ name }) => taken.has(name) && bodies.has(name))?.name ?? 'identity'
}

async function fileOf(
  name: string,
  type: string,
  body: Uint8Array,
  raw: ReadonlyMap<string, Uint8Array>,
): Promise<ConsoleFile> {
  const bodies = new Map([['identity', body]])
  for (const encoding of encodings) {
    const made = raw.get(name + encoding.suffix)
    if (made !== undefined) bodies.set(encoding.name, made)
  }
  const isText = /^text\/|json|svg/.test(type)
  if (isText && bodies.size === 1 && body.length >= COMPRESSED_BYTES_MIN)
    bodies.set('gzip', await promisify(gzip)(body))
  const etag = createHash('sha256').update(body).digest('base64url').slice(0, 22)
  return { type, isHashed: HASHED.test(name), etag, bodies }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1))
      .toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
