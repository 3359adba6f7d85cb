/**
 * Makes a bare clone ready: installs what package-lock.json names, once, and builds the web console
 * when its sources are newer. Runs before the npm scripts, on whatever Node the machine has (20 and up), and needs nothing but npm. The dev
 * dependency `node` then brings the Node that the scripts themselves run on.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { buildConsole, isConsoleBuilt } from './build-console.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

const packagesOf = path => {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages ?? {}
  } catch {
    return {}
  }
}

/** Everything the lock file names is there in that version; optional packages may be missing. */
function isInstalled() {
  const wanted = Object.entries(packagesOf('package-lock.json'))
  const present = packagesOf('node_modules/.package-lock.json')
  return wanted.every(
    ([path, { version, optional }]) =>
      path === '' || optional === true || present[path]?.version === version,
  )
}

/** `npm ci --ignore-scripts` leaves the `node` package without its binary. */
const hasNode = () =>
  ['bin/node', 'bin/node.exe'].some(path => existsSync(join(root, 'node_modules/node', path)))

function npm(...args) {
  const commandLine = `npm ${args.join(' ')}`
  console.error(`holdfast: ${commandLine} (once)`)
  // Under npm its own path is known; by hand, on Windows, `npm` is a script for the shell.
  const options = { cwd: root, stdio: 'inherit' }
  const running = process.env.npm_execpath
  const { status, error } = running
    ? spawnSync(process.execPath, [running, ...args], options)
    : spawnSync(commandLine, { ...options, shell: true })
  if (error !== undefined) console.error(`holdfast: cannot run npm: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

if (!isInstalled()) npm('ci', '--no-audit', '--no-fund')
if (!hasNode()) npm('rebuild', 'node')
if (!isConsoleBuilt()) await buildConsole()
