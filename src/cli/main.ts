#!/usr/bin/env node
/**
 * Checks the version of Node before anything else is loaded: the rest of the program would fail on
 * an old one with a message that helps nobody. A peer then begins anew with little memory to spare.
 */
const OLDEST_NODE = 22

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < OLDEST_NODE) {
  console.error(
    `holdfast needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}: ` +
      'install it, or run `npx -y -p node@24 -p holdfast holdfast`',
  )
  process.exitCode = 1
} else {
  const { beginLean } = await import('./begin-lean.ts')
  if (process.argv[2] === 'up') beginLean(process)
  // What was compiled once is not compiled again: a fifth of the time it takes to start a peer.
  const { enableCompileCache } = await import('node:module')
  enableCompileCache?.()
  const { run } = await import('./command.ts')
  process.exitCode = await run(process.argv.slice(2))
}
