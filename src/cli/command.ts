import { readFile } from 'node:fs/promises'

/** Exit codes of the `holdfast` command. */
const EXIT_OK = 0
const EXIT_USAGE = 2

const USAGE = `holdfast: a peer-to-peer, erasure-coded storage network

Usage: holdfast [options]

Options:
  -V, --version  print the version
  -h, --help     print this text`

/** Runs the command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const [first] = args
  switch (first) {
    case '-V':
    case '--version':
      console.log(await version())
      return EXIT_OK
    case undefined:
    case '-h':
    case '--help':
      console.log(USAGE)
      return EXIT_OK
    default:
      console.error(`holdfast: unknown command or option '${first}'; try 'holdfast --help'`)
      return EXIT_USAGE
  }
}

async function version(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
