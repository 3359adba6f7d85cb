import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The rules that keep Holdfast simulable and documented, as functions over a tree, so that a test
 * can also try them on a tree in which each is broken. Each returns its complaints.
 */
export interface SourceFile {
  /** Below `src/`. */
  readonly path: string
  readonly text: string
}

const cores = ['clock', 'membership', 'consensus', 'erasure', 'catalog', 'placement']
const network = ['libp2p', '@libp2p', '@chainsafe', '@multiformats', 'it-pipe', 'uint8arrays']
const coding = ['reed-solomon-erasure.wasm', '@napi-rs/blake-hash', 'hash-wasm']

/** Which folder may import which folder, package or scope. Absent means forbidden. */
const layers: Record<string, readonly string[]> = {
  ...Object.fromEntries(cores.map(core => [core, ['base']])),
  '.': ['base', 'node'],
  base: ['npm:uint8arrays'],
  erasure: ['base', 'npm:reed-solomon-erasure.wasm'],
  storage: ['base', 'node:', 'npm:classic-level'],
  net: ['base', 'node:', ...network.map(name => `npm:${name}`)],
  node: ['base', ...cores, 'storage', 'net', 'node:', ...coding.map(name => `npm:${name}`)],
  gateway: ['base', 'node', 'node:', 'npm:hash-wasm'],
  cli: ['.', 'base', 'gateway', 'node:', 'npm:commander', 'npm:smol-toml'],
}

/** What only a driver may touch: time, chance, the outside world, waiting. */
const impure =
  /\b(Date\.now|new Date|Math\.random|set(Timeout|Interval|Immediate)|async|await)\b|\b(performance|crypto|process|console)\./

/** Every source file under `<root>/src`. */
export const sourcesOf = (root: string): SourceFile[] =>
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => path.replaceAll('\\', '/'))
    .toSorted()
    .map(path => ({ path, text: readFileSync(join(root, 'src', path), 'utf8') }))

/** Imports point inward. */
export const importsOutward = (files: readonly SourceFile[]): string[] =>
  files.flatMap(({ path, text }) =>
    [...withoutComments(text).matchAll(/(?<!['"])\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)]
      .map(([, specifier = '']) => specifier)
      .filter(specifier => !mayImport(folderOf(path), targetOf(path, specifier)))
      .map(specifier => `src/${path} imports ${specifier}`),
  )

/** The cores are deterministic. */
export const impureCores = (files: readonly SourceFile[]): string[] =>
  files
    .filter(({ path }) => cores.includes(folderOf(path)))
    .flatMap(({ path, text }) => {
      const found = impure.exec(withoutComments(text))
      return found === null ? [] : [`src/${path} mentions ${found[0]}`]
    })

/**
 * `import()` hides a dependency from readers and tools. The command line may delay one, and one file
 * of the network does with what most peers never use.
 */
export const dynamicImports = (files: readonly SourceFile[]): string[] =>
  files
    .filter(({ path }) => folderOf(path) !== 'cli' && path !== 'net/on-demand.ts')
    .filter(({ text }) => /\bimport\s*\(/.test(withoutComments(text)))
    .map(({ path }) => `src/${path} uses import()`)

/** What is left to do belongs in an issue. */
export const leftovers = (files: readonly SourceFile[]): string[] =>
  files
    .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text))
    .map(({ path }) => `src/${path} has a note to self`)

/** docs/errors.md explains exactly the codes of the `Failure` union. */
export function undocumentedErrors(errorsSource: string, errorsPage: string): string[] {
  const codes = [...errorsSource.matchAll(/readonly code: '([A-Z_]+)'/g)].map(([, code]) => code)
  const documented = [...errorsPage.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
  return [
    ...codes.filter(code => !documented.includes(code)).map(code => `docs/errors.md lacks ${code}`),
    ...documented.filter(code => !codes.includes(code)).map(code => `no failure has code ${code}`),
  ]
}

interface LockFile {
  readonly packages: Record<string, { readonly optionalDependencies?: Record<string, string> }>
}

/**
 * package-lock.json names the packages of every platform. One written where a registry does not
 * have them all leaves some out, and `npm ci` then refuses it everywhere.
 */
export function missingFromLock(lockFile: string): string[] {
  const { packages } = JSON.parse(lockFile) as LockFile
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(name => packages[`node_modules/${name}`] === undefined)
      .map(name => `package-lock.json lacks ${name}, which ${path} may need`),
  )
}

/** Comments may say "process" and "async"; only code is checked. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|(?<!\S)\/\/.*$/gm, '')

const folderOf = (path: string): string =>
  path.includes('/') ? path.slice(0, path.indexOf('/')) : '.'

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith('node:')) return 'node:'
  if (specifier.startsWith('.'))
    return folderOf(join(dirname(path), specifier).replaceAll('\\', '/'))
  return `npm:${specifier}`
}

const mayImport = (from: string, to: string): boolean =>
  to === from || (layers[from] ?? []).some(entry => to === entry || to.startsWith(`${entry}/`))
