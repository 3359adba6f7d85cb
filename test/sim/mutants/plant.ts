/**
 * Loaded ahead of a run (`--import`): plants the mutant that HOLDFAST_MUTANT names, in the source of
 * its module as that is being loaded.
 */
import { registerHooks } from 'node:module'

import { mutants } from './catalog.ts'
import type { Mutant } from './mutant.ts'

/** The source with the bug in it; refuses a mutant that no longer fits. */
export function planted(source: string, { name, file, find, replace }: Mutant): string {
  const parts = source.split(find)
  if (parts.length !== 2) {
    throw new Error(`mutant '${name}' finds its place ${parts.length - 1} times in ${file}`)
  }
  return parts.join(replace)
}

const wanted = process.env['HOLDFAST_MUTANT']
const mutant = mutants.find(({ name }) => name === wanted)
if (mutant !== undefined) {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(`/src/${mutant.file}`)) return loaded
      const source = planted(Buffer.from(loaded.source as Uint8Array).toString(), mutant)
      return { ...loaded, source }
    },
  })
}
