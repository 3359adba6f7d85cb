import { basename } from 'node:path'

import { type Command, Option } from 'commander'

import { readKeyFile } from '../archive.ts'
import { codeOf } from '../base/errors.ts'
import type { NodeStatus } from '../index.ts'
import { formatBytes } from './format.ts'
import { describeFile, filesBelow } from './local-files.ts'
import { dataOption } from './member-commands.ts'
import { inParallel } from './parallel.ts'
import { parseBounded } from './parse.ts'
import { PeerClient } from './peer-client.ts'
import { invalid } from './settings.ts'
import {
  bucketPath,
  folderPrefix,
  inside,
  parseTarget,
  type Target,
  TARGET_HELP,
  textOf,
} from './target.ts'
import { Failures, Transfer, type TransferFlags } from './transfer.ts'
import {
  headersOfKey,
  type LocalFile,
  uploadFile,
  type UploadOptions,
  type UploadResult,
  uploadStream,
} from './upload.ts'

/** So many files of a folder at a time; large ones have parts beside. */
const FILES_AT_ONCE = 4

interface PutFlags extends TransferFlags {
  readonly recursive?: boolean
  readonly type?: string
  readonly meta: Readonly<Record<string, string>>
  readonly key?: string
  readonly new?: boolean
  readonly create: boolean
  readonly parallel: number
}

/** `holdfast put FILE… BUCKET/KEY` */
export function putCommand(command: Command, signal: AbortSignal): void {
  command
    .description('store files in the network')
    .usage('[options] <FILE…> <BUCKET/KEY>')
    .argument('<PATHS...>', 'files, - for standard input, or folders; and where they go')
    .option('-r, --recursive', 'store all files below a folder: DIR/a/b becomes KEY/a/b')
    .option('-t, --type <TYPE>', 'its content type (default: by the name of the file)')
    .addOption(
      new Option('-m, --meta <NAME=VALUE>', 'something to keep beside it; may be repeated')
        .argParser(addMeta)
        .default({}, 'none'),
    )
    .option(
      '--key <KEYFILE>',
      'encrypt under this key too, which no peer has; see encode --new-key',
    )
    .option('-n, --new', 'refuse to replace what is there')
    .option('--no-create', 'refuse to make the bucket if there is none')
    .addOption(
      new Option('-p, --parallel <N>', 'how many parts of a large file at a time')
        .argParser(parseBounded(1, 16))
        .default(3),
    )
    .addOption(dataOption())
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `\n${TARGET_HELP} Where KEY is empty or ends with a slash, the name of\n` +
        'the file is added. Large files go in parts; what was uploaded before an interruption is\n' +
        'not again: run the same command. A hidden file beside the file keeps track of it.',
    )
    .action((paths: readonly string[], flags: PutFlags) => put(paths, flags, signal))
}

async function put(paths: readonly string[], flags: PutFlags, signal: AbortSignal): Promise<void> {
  const target = parseTarget(paths.at(-1) ?? '')
  const sources = paths.slice(0, -1)
  if (sources.length === 0)
    throw invalid('paths', 'name a file, and where it goes: FILE BUCKET/KEY')
  const client = await PeerClient.connect(flags.data, signal)
  const { network } = await client.get<NodeStatus>('/api/v1/status')
  if (flags.create) await makeBucket(client, target.bucket, flags)
  const transfer = new Transfer('put', flags)
  const key = flags.key === undefined ? undefined : await readKeyFile(flags.key)
  const options = optionsOf({ client, signal, network, key, flags, transfer })
  try {
    if (sources.length === 1 && sources[0] === '-')
      await putStream(target, options, flags, transfer)
    else if (flags.recursive === true) await putFolders(sources, target, options, flags, transfer)
    else await putFiles(sources, target, options, flags, transfer)
  } finally {
    transfer.clear()
  }
}

type Options = Omit<UploadOptions, 'target'>

function optionsOf({
  client,
  signal,
  network,
  key,
  flags,
  transfer,
}: {
  client: PeerClient
  signal: AbortSignal
  network: string
  key: Uint8Array | undefined
  flags: PutFlags
  transfer: Transfer
}): Options {
  const meta = Object.entries(flags.meta).map(([name, value]) => [`x-amz-meta-${name}`, value])
  return {
    client,
    signal,
    network,
    parallel: flags.parallel,
    headers: {
      ...(flags.type !== undefined && { 'content-type': flags.type }),
      ...Object.fromEntries(meta),
    },
    keyHeaders: headersOfKey(key),
    ifNoneMatch: flags.new === true ? '*' : undefined,
    onBytes: transfer.add,
    onSkipped: transfer.skip,
  }
}

/** So that the first file of a new network needs one command, not two. */
async function makeBucket(client: PeerClient, bucket: string, flags: PutFlags): Promise<void> {
  try {
    await client.get(bucketPath(bucket))
    return
  } catch (error) {
    if (codeOf(error) !== 'NO_SUCH_BUCKET') throw error
  }
  try {
    await client.ask('PUT', bucketPath(bucket), {})
    if (flags.quiet !== true) console.error(`made the bucket ${bucket}`)
  } catch (error) {
    // Somebody else was quicker.
    if (codeOf(error) !== 'BUCKET_EXISTS') throw error
  }
}

async function putStream(
  target: Target,
  options: Options,
  flags: PutFlags,
  transfer: Transfer,
): Promise<void> {
  if (target.key === '' || target.key.endsWith('/'))
    throw invalid('target', 'standard input has no name; write BUCKET/KEY')
  try {
    const written = await uploadStream(process.stdin, { ...options, target })
    report([{ target, written }], flags, transfer)
  } finally {
    // An input that nobody reads any more would keep the program waiting for its end.
    process.stdin.destroy()
  }
}

interface Done {
  readonly target: Target
  readonly written: UploadResult
}

async function putFiles(
  sources: readonly string[],
  target: Target,
  options: Options,
  flags: PutFlags,
  transfer: Transfer,
): Promise<void> {
  if (sources.length > 1 && target.key !== '' && !target.key.endsWith('/'))
    throw invalid('target', `several files need a folder to go to: ${textOf(target)}/`)
  const files: LocalFile[] = []
  for (const path of sources) {
    const file = await describeFile(path)
    if (file.isFolder) throw invalid('paths', `${path} is a folder; add --recursive`)
    files.push(file)
  }
  transfer.total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const done: Done[] = []
  for (const file of files) {
    const place = inside(target, basename(file.path))
    done.push({ target: place, written: await uploadFile(file, { ...options, target: place }) })
  }
  report(done, flags, transfer)
}

/** One that fails is told and left out; the others are stored. */
async function putFolders(
  folders: readonly string[],
  target: Target,
  options: Options,
  flags: PutFlags,
  transfer: Transfer,
): Promise<void> {
  const failures = new Failures()
  let total = 0
  for (const folder of folders)
    for await (const { sizeBytes } of filesBelow(folder)) total += sizeBytes
  transfer.total = total
  const prefix = folderPrefix(target.key)
  for (const folder of folders)
    await inParallel(filesBelow(folder), FILES_AT_ONCE, options.signal, async (file, signal) => {
      const place = { bucket: target.bucket, key: `${prefix}${file.relative}` }
      try {
        await uploadFile(file, { ...options, signal, target: place })
        transfer.files++
      } catch (error) {
        signal.throwIfAborted()
        transfer.clear()
        failures.add(file.path, error)
      }
    })
  transfer.clear()
  const { files } = transfer
  if (flags.json === true)
    console.log(JSON.stringify({ ...target, files, bytes: total, failed: failures.count }))
  else if (flags.quiet !== true)
    console.error(`${files} files stored in ${textOf(target)}: ${transfer.describe()}`)
  failures.throwIfAny()
}

function report(done: readonly Done[], flags: PutFlags, transfer: Transfer): void {
  transfer.clear()
  const results = done.map(({ target, written }) => ({ ...target, ...written }))
  if (flags.json === true) console.log(JSON.stringify(results.length === 1 ? results[0] : results))
  else if (flags.quiet !== true) {
    const [only] = done
    if (only !== undefined && done.length === 1)
      return console.error(`${textOf(only.target)}: ${transfer.describe()}`)
    for (const { target, written } of done)
      console.error(`${textOf(target)}: ${formatBytes(written.sizeBytes)}`)
    console.error(`${done.length} files stored: ${transfer.describe()}`)
  }
  return undefined
}

function addMeta(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [, name, value] = /^([\w-]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw invalid('meta', `'${text}' is not NAME=VALUE`)
  return { ...before, [name.toLowerCase()]: value }
}
