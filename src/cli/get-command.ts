import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Command } from 'commander'

import { readKeyFile } from '../archive.ts'
import { HoldfastError } from '../base/errors.ts'
import { downloadFile, type DownloadOptions, downloadTo, findObject } from './download.ts'
import { type Listed, objectsBelow } from './listing.ts'
import { pathBelow } from './local-files.ts'
import { dataOption } from './member-commands.ts'
import { inParallel } from './parallel.ts'
import { PeerClient } from './peer-client.ts'
import { printable } from './table.ts'
import {
  baseName,
  folderPrefix,
  parseObject,
  parseTarget,
  type Target,
  TARGET_HELP,
  textOf,
} from './target.ts'
import { Failures, Transfer, type TransferFlags } from './transfer.ts'
import { headersOfKey } from './upload.ts'

const FILES_AT_ONCE = 4

interface GetFlags extends TransferFlags {
  readonly recursive?: boolean
  readonly force?: boolean
  readonly version?: string
  readonly key?: string
}

/** `holdfast get BUCKET/KEY [FILE]` */
export function getCommand(command: Command, signal: AbortSignal): void {
  command
    .description('fetch objects from the network')
    .argument('<BUCKET/KEY>', 'the object, or with --recursive the folder')
    .argument('[FILE]', 'where it goes: a file, a folder, or - for standard output', '.')
    .option('-r, --recursive', 'fetch all below a folder: KEY/a/b becomes FILE/a/b')
    .option('-f, --force', 'replace files that are there')
    .option('--key <KEYFILE>', 'the key that it was stored under')
    .option('--version <VERSION>', 'an earlier version, see ls --versions')
    .addOption(dataOption())
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `\n${TARGET_HELP} What was fetched before an interruption\n` +
        'is not again: run the same command. A file appears under its name when it is whole.',
    )
    .action((target: string, path: string, flags: GetFlags) =>
      flags.recursive === true
        ? getFolder(parseTarget(target), path, flags, signal)
        : getObject(parseObject(target), path, flags, signal),
    )
}

async function getObject(
  target: Target,
  path: string,
  flags: GetFlags,
  signal: AbortSignal,
): Promise<void> {
  const client = await PeerClient.connect(flags.data, signal)
  const transfer = new Transfer('get', flags)
  const key = await keyOf(flags)
  const options = optionsOf({ client, signal, flags, key, transfer })
  const info = await findObject(target, options)
  transfer.total = info.sizeBytes
  const file = path === '-' ? path : await fileFor(path, baseName(target.key))
  try {
    if (file === '-') await downloadTo(info, toStandardOutput, options)
    else {
      if (flags.force !== true) await mustBeFree(file)
      await downloadFile(info, file, options)
    }
  } finally {
    transfer.clear()
  }
  if (flags.json === true && file !== '-') console.log(JSON.stringify({ ...info, file }))
  else if (flags.quiet !== true)
    console.error(`${file === '-' ? '' : `${file}: `}${transfer.describe()}`)
}

/** One that fails is told and left out; the others are fetched. */
async function getFolder(
  target: Target,
  folder: string,
  flags: GetFlags,
  signal: AbortSignal,
): Promise<void> {
  const client = await PeerClient.connect(flags.data, signal)
  const transfer = new Transfer('get', flags)
  const failures = new Failures()
  const key = await keyOf(flags)
  let total = 0
  for await (const { sizeBytes } of objectsBelow(client, target)) total += sizeBytes
  transfer.total = total
  const fetchOne = async (listed: Listed, within: AbortSignal): Promise<void> => {
    try {
      const relative = listed.key.slice(folderPrefix(target.key).length)
      const options = optionsOf({ client, signal: within, flags, key, transfer })
      await getInto(
        { bucket: target.bucket, key: listed.key },
        { folder, relative },
        flags,
        options,
      )
      transfer.files++
    } catch (error) {
      within.throwIfAborted()
      transfer.clear()
      failures.add(printable(listed.key), error)
    }
  }
  await inParallel(objectsBelow(client, target), FILES_AT_ONCE, signal, fetchOne)
  transfer.clear()
  const { files } = transfer
  if (flags.json === true)
    console.log(JSON.stringify({ ...target, folder, files, bytes: total, failed: failures.count }))
  else if (flags.quiet !== true)
    console.error(`${files} files fetched into ${folder}: ${transfer.describe()}`)
  failures.throwIfAny()
}

async function getInto(
  target: Target,
  { folder, relative }: { readonly folder: string; readonly relative: string },
  flags: GetFlags,
  options: DownloadOptions,
): Promise<void> {
  // Some programs store an empty object for a folder.
  const isFolder = relative.endsWith('/')
  const path = pathBelow(folder, isFolder ? relative.slice(0, -1) : relative)
  if (path === undefined)
    throw new HoldfastError(`Cannot get ${textOf(target)}: its key is no file name here`, {
      code: 'CONFIG_INVALID',
      key: 'target',
      reason: 'its key is no file name here',
    })
  await mkdir(isFolder ? path : dirname(path), { recursive: true })
  if (isFolder) return
  if (flags.force !== true) await mustBeFree(path)
  await downloadFile(await findObject(target, options), path, options)
}

const keyOf = async ({ key }: GetFlags): Promise<Uint8Array | undefined> =>
  key === undefined ? undefined : readKeyFile(key)

const optionsOf = ({
  client,
  signal,
  flags: { version },
  key,
  transfer,
}: {
  client: PeerClient
  signal: AbortSignal
  flags: GetFlags
  key: Uint8Array | undefined
  transfer: Transfer
}): DownloadOptions => ({
  client,
  signal,
  version,
  headers: headersOfKey(key),
  onBytes: transfer.add,
  onSkipped: transfer.skip,
})

/** Of a folder, the place in it. */
async function fileFor(path: string, name: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() === true ? join(path, name) : path
}

async function mustBeFree(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return
  throw new HoldfastError(`${path} is there already; --force replaces it`, {
    code: 'FILE_EXISTS',
    path,
  })
}

/** Resolves once there is room for more. */
const toStandardOutput = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(bytes, error => (error ? reject(error) : resolve()))
  })
