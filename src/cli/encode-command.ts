import { rm } from 'node:fs/promises'
import { basename } from 'node:path'

import { type Command, InvalidArgumentError, Option } from 'commander'

import { createKeyFile, encodeFile, type EncodeReport, readKeyFile } from '../archive.ts'
import { formatBytes } from './format.ts'
import { Progress } from './progress.ts'

interface EncodeFlags {
  readonly scheme: { k: number; m: number }
  readonly out: string
  readonly name?: string
  readonly key?: string
  readonly newKey?: string
  readonly hash: 'blake3' | 'sha2-256'
  readonly codec: 'kernel' | 'subspace'
  readonly force?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

/** `holdfast encode FILE --scheme 4,2 --out DIR` */
export function encodeCommand(command: Command, signal: AbortSignal): void {
  command
    .description('cut a file into fragments, any k of which restore it')
    .argument('<FILE>', 'the file; - for standard input')
    .requiredOption('-o, --out <DIR>', 'where the fragments go: a new or empty directory')
    .option('-s, --scheme <K,M>', 'k data and m parity fragments', parseScheme, { k: 4, m: 2 })
    .option('-n, --name <NAME>', 'what the fragments are called; by default like FILE')
    .addOption(new Option('--key <KEYFILE>', 'encrypt under this key').conflicts('newKey'))
    .option('--new-key <KEYFILE>', 'encrypt under a new key, written to this file')
    .addOption(
      new Option('--hash <NAME>', 'what names and verifies fragments')
        .choices(['blake3', 'sha2-256'])
        .default('blake3'),
    )
    .addOption(
      new Option('--codec <NAME>', 'who computes; the bytes are the same')
        .choices(['kernel', 'subspace'])
        .default('kernel'),
    )
    .option('-f, --force', 'write into a directory that is not empty')
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .action((file: string, flags: EncodeFlags) => encode(file, flags, signal))
}

async function encode(file: string, flags: EncodeFlags, signal: AbortSignal): Promise<void> {
  const { scheme, out, hash, codec, force } = flags
  const progress = new Progress('encode', flags.quiet === true ? undefined : process.stderr)
  const key = await keyOf(flags)
  try {
    const report = await encodeFile({
      source: file === '-' ? process.stdin : file,
      name: flags.name ?? (file === '-' ? 'stdin' : basename(file)),
      directory: out,
      scheme,
      key,
      hash,
      codec,
      force,
      signal,
      onProgress: (bytes, totalBytes) => progress.update(bytes, totalBytes),
    })
    progress.clear()
    if (flags.json === true) console.log(JSON.stringify(report))
    if (flags.quiet !== true) console.error(describe(report, flags))
  } catch (error) {
    progress.clear()
    // A key that protects nothing would only be in the way of the next attempt.
    if (flags.newKey !== undefined) await rm(flags.newKey, { force: true })
    throw error
  } finally {
    // An input that nobody reads any more would keep the program waiting for its end.
    if (file === '-') process.stdin.destroy()
  }
}

async function keyOf({ key, newKey }: EncodeFlags): Promise<Uint8Array | undefined> {
  if (newKey !== undefined) return createKeyFile(newKey)
  return key === undefined ? undefined : readKeyFile(key)
}

function describe(report: EncodeReport, { out, newKey, hash }: EncodeFlags): string {
  const { k, m, sizeBytes, files, encrypted, blake3 } = report
  const stored = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return [
    `${formatBytes(sizeBytes)} in ${files.length} fragments (${formatBytes(stored)}) in ${out}; ` +
      `any ${k} of them restore it${m === 0 ? ', so none may be lost' : ''}`,
    ...(encrypted ? [] : ['not encrypted: whoever has the fragments can read it (see --new-key)']),
    ...(newKey === undefined ? [] : [`without the key in ${newKey} nobody can: keep it elsewhere`]),
    ...(hash === 'blake3' && blake3 === 'portable'
      ? ['hashing was slow: there is no native BLAKE3 for this platform (see --hash)']
      : []),
  ].join('\n')
}

function parseScheme(text: string): { k: number; m: number } {
  const [, k, m] = /^(\d{1,3}),(\d{1,3})$/.exec(text) ?? []
  if (k === undefined || m === undefined)
    throw new InvalidArgumentError('Give two numbers, as 4,2.')
  return { k: Number(k), m: Number(m) }
}
