/**
 * Builds the web console into dist/console: one script, one style sheet, one page, the first two
 * named by what is in them. Runs on whatever Node the machine has, in about 100 ms.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'console')
const target = join(root, 'dist', 'console')
const page = join(target, 'index.html')

const changedMs = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const newestMs = folder =>
  Math.max(
    changedMs(folder),
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(path =>
      changedMs(join(folder, path)),
    ),
  )

/** Whether what was built is not older than what it is built from. */
export function isConsoleBuilt() {
  const newest = Math.max(newestMs(source), changedMs(fileURLToPath(import.meta.url)))
  return changedMs(page) >= newest
}

/** Resolves to what esbuild says of what it was made of. */
export async function buildConsole() {
  const { build } = await import('esbuild')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['console/main.tsx', 'console/style/main.css'],
    entryNames: '[name]-[hash]',
    outdir: 'dist/console',
    tsconfig: 'console/tsconfig.json',
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome123', 'firefox128', 'safari17.5'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  const names = Object.keys(metafile.outputs).map(path => path.replace('dist/console/', ''))
  const html = readFileSync(join(source, 'index.html'), 'utf8')
    .replace(
      'main.js',
      names.find(name => name.endsWith('.js')),
    )
    .replace(
      'main.css',
      names.find(name => name.endsWith('.css')),
    )
  writeFileSync(join(target, 'icon.svg'), readFileSync(join(source, 'icon.svg')))
  // Last, for it says that the rest is there.
  writeFileSync(page, html)
  return metafile
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildConsole()
