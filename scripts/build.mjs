/**
 * Builds the package: `dist/types` for the type checker, `dist/lib` to run, `dist/console` to look at. What runs is bundled with
 * the packages it uses, for a peer that has to look for a thousand files starts half as fast. All of it
 * lies flat in one folder, two levels under the root like the folders of `src`: there the threads'
 * programs are found beside whoever starts them, and package.json and the console from anywhere.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

import { buildConsole } from './build-console.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What the bundle was made of: the folders of packages, each once. */
function packagesIn(inputs) {
  const folders = Object.keys(inputs).flatMap(path => {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []
    return folder ?? []
  })
  return [...new Set(folders)].toSorted()
}

/** Their licenses ask to go where their code goes. */
function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json')))
  const papers = readdirSync(join(root, folder)).filter(file => /^(licen[cs]e|notice)/i.test(file))
  const texts = papers.map(file => readFileSync(join(root, folder, file), 'utf8').trim())
  return [`${name} ${version} (${license})`, ...texts].join('\n\n')
}

rmSync(join(root, 'dist'), { recursive: true, force: true })
const typescript = fileURLToPath(import.meta.resolve('typescript/package.json'))
execFileSync(
  process.execPath,
  [join(dirname(typescript), 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  { cwd: root, stdio: 'inherit' },
)
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    index: 'src/index.ts',
    main: 'src/cli/main.ts',
    'coder-worker': 'src/node/coder/coder-worker.ts',
    'disk-worker': 'src/storage/disk-worker.ts',
    'lane-worker': 'src/net/lane/lane-worker.ts',
  },
  outdir: 'dist/lib',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  external: Object.keys(dependencies),
  // For packages that have no modules of their own yet; a name that nobody has.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)",
  },
  metafile: true,
  logLevel: 'warning',
})
const shown = await buildConsole()
const notices = packagesIn({ ...metafile.inputs, ...shown.inputs }).map(noticeOf)
writeFileSync(join(root, 'dist', 'THIRD-PARTY'), `${notices.join(`\n\n${'-'.repeat(72)}\n\n`)}\n`)
