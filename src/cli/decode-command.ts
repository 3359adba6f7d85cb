import { type Command, Option } from 'commander'

import { decodeFile, type DecodeReport, type FileProblem, readKeyFile } from '../archive.ts'
import { formatBytes } from './format.ts'
import { Progress } from './progress.ts'

interface DecodeFlags {
  readonly out: string
  readonly key?: string
  readonly codec: 'kernel' | 'subspace'
  readonly force?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

/** `holdfast decode DIR --out FILE` */
export function decodeCommand(command: Command, signal: AbortSignal): void {
  command
    .description('restore a file from its fragments')
    .argument('<DIR>', 'where the fragments are')
    .requiredOption('-o, --out <FILE>', 'the file to be made; - for standard output')
    .option('--key <KEYFILE>', 'the key it was encrypted under')
    .addOption(
      new Option('--codec <NAME>', 'who computes; the bytes are the same')
        .choices(['kernel', 'subspace'])
        .default('kernel'),
    )
    .option('-f, --force', 'replace FILE if it exists')
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .action((directory: string, flags: DecodeFlags) => decode(directory, flags, signal))
}

async function decode(directory: string, flags: DecodeFlags, signal: AbortSignal): Promise<void> {
  const { out, codec, force } = flags
  const progress = new Progress('decode', flags.quiet === true ? undefined : process.stderr)
  const onProblem = ({ name, reason }: FileProblem): void => {
    progress.clear()
    console.error(`holdfast: ${name}: ${reason}`)
  }
  // A reader that goes away fails the write; without a listener it would end the program.
  process.stdout.on('error', () => {})
  try {
    const report = await decodeFile({
      directory,
      output: out === '-' ? toStandardOutput : out,
      key: flags.key === undefined ? undefined : await readKeyFile(flags.key),
      codec,
      force,
      signal,
      onProblem,
      onProgress: (bytes, totalBytes) => progress.update(bytes, totalBytes),
    })
    progress.clear()
    if (flags.json === true && out !== '-') console.log(JSON.stringify(report))
    if (flags.quiet !== true) console.error(describe(report))
  } finally {
    progress.clear()
  }
}

/** Resolves once there is room for more. */
const toStandardOutput = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(bytes, error => (error ? reject(error) : resolve()))
  })

function describe({ k, m, sizeBytes, missing, problems }: DecodeReport): string {
  const found = k + m - missing.length
  const complaint = problems.length === 0 ? '' : `, ${problems.length} with problems`
  return `${formatBytes(sizeBytes)} restored; ${found} of ${k + m} fragments usable${complaint}`
}
