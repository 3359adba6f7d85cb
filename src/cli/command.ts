import { readFile } from 'node:fs/promises'

/** Runs the command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === '-V' || first === '--version') {
    console.log(await version())
    return 0
  }
  // Loaded here, so that --version answers before the rest of the program is read.
  const { runProgram } = await import('./program.ts')
  return runProgram(args)
}

async function version(): Promise<string> {
  // Like src/node two levels under the root, also as it is built.
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
