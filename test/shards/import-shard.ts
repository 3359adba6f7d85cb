/**
 * Test files that share a process: starting one for each would take longer than most of them run. Two
 * processes keep two cores busy, and node's runner counts them as one run.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const SHARDS = 2
/** What has a command of its own. */
const apart = ['e2e', 'fleet', 'browser', 'shards']

const root = join(import.meta.dirname, '..')

/** The test files of all shards, as they lie in `test`. */
export const sharedFiles = (): readonly string[] =>
  globSync('**/*.test.ts', { cwd: root })
    .filter(file => !apart.includes(file.split(/[/\\]/)[0] ?? ''))
    .toSorted()

/** Loads every `SHARDS`th test file from `index` on, and with it its tests. */
export async function importShard(index: number): Promise<void> {
  const own = sharedFiles().filter((_, place) => place % SHARDS === index)
  for (const file of own) await import(pathToFileURL(join(root, file)).href)
}
