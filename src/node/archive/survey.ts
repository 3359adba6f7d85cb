import { createHash } from 'node:crypto'

import { equals, toHex } from '../../base/bytes.ts'
import type { Disk, DiskFile } from '../../base/environment.ts'
import { type Failure, HoldfastError } from '../../base/errors.ts'
import { checkOf, decodeFooter, decodeHeader, decodeManifest } from './fragment-file.ts'
import {
  FOOTER_BYTES,
  HEADER_BYTES,
  indexInName,
  type Manifest,
  manifestPlace,
} from './fragment-file.ts'

/** A directory of fragment files, sorted out: which object they restore, and which do not help. */
export interface Survey {
  readonly manifest: Manifest
  /** The usable files by index. */
  readonly files: ReadonlyMap<number, FragmentFile>
  readonly problems: readonly FileProblem[]
}

export interface FragmentFile {
  readonly name: string
  readonly index: number
  readonly file: DiskFile
}

/** A file that is not used, or with something odd about it, and what a person should know. */
export interface FileProblem {
  readonly name: string
  /** Which fragment it is, or claims to be. */
  readonly index: number | undefined
  readonly reason: string
}

/** Files looked at, at most: twice as many as an object can have. */
const FILES_MAX = 512

/**
 * Opens all `*.hf` files of a directory. Files whose manifests agree belong together; of several
 * objects, that with the most files is taken. The caller closes the files.
 * @throws {HoldfastError} `FILE_NOT_FOUND` if there are none, `TOO_FEW_FRAGMENTS` if none can be
 * made sense of, `AMBIGUOUS` if two objects have equally many, `TOO_LARGE`
 */
export async function surveyDirectory(disk: Disk, directory: string): Promise<Survey> {
  const names = (await disk.list('.')).map(({ name }) => name).filter(name => name.endsWith('.hf'))
  if (names.length === 0) throw noFiles(directory)
  if (names.length > FILES_MAX) throw tooMany(names.length)
  const groups = new Map<string, { manifest: Manifest; members: FragmentFile[] }>()
  const problems: FileProblem[] = []
  for (const name of names) {
    const found = await inspect(disk, name)
    if ('reason' in found) {
      problems.push(found)
      continue
    }
    const { digest, manifest, ...member } = found
    const group = groups.get(digest) ?? { manifest, members: [] }
    groups.set(digest, group)
    group.members.push(member)
  }
  const [chosen, ...others] = [...groups.values()].toSorted(
    (a, b) => b.members.length - a.members.length,
  )
  if (chosen === undefined) throw noneUsable(directory, problems)
  const [second] = others
  if (second?.members.length === chosen.members.length) throw ambiguous(directory, groups.size)
  for (const { members } of others)
    for (const { name, index, file } of members) {
      await file.close()
      problems.push({ name, index, reason: 'belongs to another object' })
    }
  const { files, oddities } = await byIndex(chosen.members)
  return { manifest: chosen.manifest, files, problems: [...problems, ...oddities] }
}

type Inspected = FragmentFile & { readonly digest: string; readonly manifest: Manifest }

async function inspect(disk: Disk, name: string): Promise<Inspected | FileProblem> {
  let file: DiskFile | undefined
  let index: number | undefined = indexInName(name)
  try {
    file = await disk.open(name, 'read')
    const sizeBytes = await file.sizeBytes()
    const headerBytes = await file.read(0, HEADER_BYTES)
    const header = decodeHeader(headerBytes)
    index = header.index
    const { manifestBytes, check } = decodeFooter(
      await file.read(Math.max(0, sizeBytes - FOOTER_BYTES), FOOTER_BYTES),
    )
    const manifestAt = sizeBytes - FOOTER_BYTES - manifestBytes
    const bytes = await file.read(Math.max(0, manifestAt), manifestBytes)
    if (!equals(checkOf(headerBytes, bytes), check)) throw new Error('damaged')
    const manifest = decodeManifest(bytes)
    const { k, m } = manifest
    const agrees = header.k === k && header.m === m && index < k + m
    if (!agrees || manifestPlace(manifest, index) !== manifestAt) throw new Error('damaged')
    const digest = toHex(createHash('sha256').update(bytes).digest())
    return { name, index, file, digest, manifest }
  } catch (error) {
    await file?.close()
    return { name, index, reason: reasonOf(error) }
  }
}

/** In the words of a person who looks at the file. */
function reasonOf(error: unknown): string {
  if (!(error instanceof HoldfastError)) return 'damaged: header, size or manifest is wrong'
  const { details } = error
  if (details.code === 'FILE_FORBIDDEN') return 'permission denied'
  if (details.code !== 'MALFORMED') return error.message
  if (details.what === 'footer') return 'truncated or extended: its end is missing'
  if (details.what === 'header') return 'not a fragment, or damaged: its header is wrong'
  if (details.what === 'manifest version') return 'written by another version of holdfast'
  return 'truncated or damaged'
}

/** The first file of each index; and copies, and files under another's name. */
async function byIndex(
  members: readonly FragmentFile[],
): Promise<{ files: Map<number, FragmentFile>; oddities: FileProblem[] }> {
  const files = new Map<number, FragmentFile>()
  const oddities: FileProblem[] = []
  const isRenamed = ({ name, index }: FragmentFile): boolean =>
    (indexInName(name) ?? index) !== index
  for (const member of members.toSorted((a, b) => Number(isRenamed(a)) - Number(isRenamed(b)))) {
    const { name, index, file } = member
    const first = files.get(index)
    if (first === undefined) {
      files.set(index, member)
      if (isRenamed(member)) oddities.push({ name, index, reason: `renamed: is fragment ${index}` })
    } else {
      await file.close()
      oddities.push({ name, index, reason: `not used: the same fragment as ${first.name}` })
    }
  }
  return { files, oddities }
}

const noFiles = (directory: string): HoldfastError =>
  new HoldfastError(`Cannot decode ${directory}: it holds no .hf files`, {
    code: 'FILE_NOT_FOUND',
    path: directory,
  })

const tooMany = (size: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${size} files at once: limit ${FILES_MAX}`, {
    code: 'TOO_LARGE',
    what: 'directory',
    size,
    limit: FILES_MAX,
  })

function noneUsable(directory: string, problems: readonly FileProblem[]): HoldfastError {
  const list = problems.map(({ name, reason }) => `${name} (${reason})`).join(', ')
  const details: Failure = { code: 'TOO_FEW_FRAGMENTS', have: 0, need: 1 }
  return new HoldfastError(`Cannot decode ${directory}: no usable fragment: ${list}`, details)
}

const ambiguous = (directory: string, count: number): HoldfastError =>
  new HoldfastError(
    `Cannot decode ${directory}: it holds equally many fragments of ${count} objects; ` +
      'put each in a directory of its own',
    { code: 'AMBIGUOUS', what: 'fragments', count },
  )
