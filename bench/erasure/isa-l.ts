import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Measured } from '../harness.ts'

/** A run of the C program with Intel's library, or why there is none. */
export type IsaL = (k: number, m: number, cell: number, sliceMs: number) => Measured

/** Compiles isa-l.c. */
export function buildIsaL(): IsaL | string {
  const program = join(mkdtempSync(join(tmpdir(), 'holdfast-isa-l-')), 'isa-l')
  const source = join(import.meta.dirname, 'isa-l.c')
  const built = spawnSync('gcc', ['-O3', '-o', program, source, '-lisal'], { encoding: 'utf8' })
  if (built.error !== undefined) return 'gcc is not installed'
  if (built.status !== 0) return 'it does not compile (Debian: apt-get install libisal-dev)'
  return (k, m, cell, sliceMs) => {
    const { stdout } = spawnSync(program, [k, m, cell, sliceMs].map(String), { encoding: 'utf8' })
    return { amount: Number(stdout) * sliceMs, elapsedMs: sliceMs * 1000 }
  }
}
