import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { run } from './checkout.ts'

/**
 * What only these tests need, and which is no part of the project: the types of Kubernetes and of the
 * Prometheus operator, made from their OpenAPI descriptions; a YAML reader; a linter of Dockerfiles.
 */
const packages = [
  'kubernetes-models@5.1.0',
  '@kubernetes-models/prometheus-operator@6.0.0',
  'yaml@2.9.1',
  'dockerfilelint@1.8.0',
]
const folder = join(tmpdir(), `holdfast-deploy-tools-${process.getuid?.() ?? ''}-1`)

/** Why they cannot be had; false once they are there. Fetches them at first. */
export async function toolsMissing(): Promise<string | false> {
  if (existsSync(folder)) return false
  const fresh = `${folder}.${process.pid}`
  await mkdir(fresh, { recursive: true })
  await writeFile(join(fresh, LOADER), 'export const load = name => import(name)\n')
  const { status, stderr } = run(
    `npm install --no-save --no-audit --no-fund --ignore-scripts --prefix . ${packages.join(' ')}`,
    fresh,
  )
  if (status === 0) await rename(fresh, folder).catch(() => undefined)
  await rm(fresh, { recursive: true, force: true })
  return status === 0 ? false : `npm cannot fetch ${packages.join(', ')}: ${stderr.slice(-200)}`
}

/** A file of one of the packages. */
export const toolPath = (path: string): string => join(folder, 'node_modules', path)

/** One of the packages, as a module; resolved from where they are, by a module that is there. */
export async function tool<Module>(name: string): Promise<Module> {
  const { load } = (await import(pathToFileURL(join(folder, LOADER)).href)) as Loader
  return (await load(name)) as Module
}

const LOADER = 'load.mjs'
interface Loader {
  readonly load: (name: string) => Promise<unknown>
}

/** Why a program cannot be run here; false if it can. */
export const programMissing = (name: string, probe = `${name} --version`): string | false =>
  run(probe, '/').status === 0 ? false : `needs ${name}`
