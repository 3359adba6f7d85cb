import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'

/** The repository these tests belong to. */
export const root: string = join(import.meta.dirname, '..', '..')

const COMMAND_MS_MAX = 120_000

/** What git does not keep, and git's own folder. */
const generated = new Set(['.git', 'node_modules', 'dist', 'holdfast-data'])

/** An empty folder of its own, gone when the process ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  if (scratch.length === 0) process.once('exit', removeScratch)
  scratch.push(folder)
  return folder
}

const scratch: string[] = []

function removeScratch(): void {
  for (const folder of scratch) rmSync(folder, { recursive: true, force: true })
}

/** A copy of the sources that a test may spoil; it borrows the installed packages. */
export function copyOfCheckout(): string {
  const copy = scratchFolder()
  cpSync(root, copy, {
    recursive: true,
    filter: path => !generated.has(relative(root, path).split(sep)[0] as string),
  })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  return copy
}

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line to its end, as a user in that folder would. */
export function run(commandLine: string, folder: string): Outcome {
  const { status, stdout, stderr, error } = spawnSync(commandLine, {
    cwd: folder,
    env: cleanEnvironment(),
    shell: true,
    encoding: 'utf8',
    timeout: COMMAND_MS_MAX,
  })
  if (error !== undefined) throw error
  return { status, stdout, stderr }
}

/**
 * Ours without what the test runner and npm add for their children: a nested test run would answer
 * its parent instead of printing, and npm would work on the project it was started in.
 */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const added =
    /^(NODE_TEST_CONTEXT|NODE_OPTIONS|FORCE_COLOR|INIT_CWD)$|^npm_(package|lifecycle)_|^npm_config_local_prefix$/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name)))
}
