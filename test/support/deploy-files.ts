import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { root, run } from './checkout.ts'
import { tool } from './deploy-tools.ts'

/** What is in `deploy`. */
export const deploy: string = join(root, 'deploy')
export const readDeploy = (path: string): string => readFileSync(join(deploy, path), 'utf8')

/** A document as it was read: whatever it is, each test looks for what it needs. */
// oxlint-disable-next-line typescript/no-explicit-any -- manifests of all kinds, walked by their fields
export type Manifest = any

interface Yaml {
  parse(text: string, options: object): Manifest
  parseAllDocuments(text: string): readonly { toJS(): Manifest; errors: readonly Error[] }[]
}

/** A file of one document, with merge keys as compose has them. */
export const parseYaml = async (text: string): Promise<Manifest> =>
  (await tool<Yaml>('yaml')).parse(text, { merge: true, strict: true, uniqueKeys: true })

/** What kubectl makes of an overlay. */
export async function render(overlay: string): Promise<readonly Manifest[]> {
  const { status, stdout, stderr } = run(
    `kubectl kustomize ${join(deploy, 'kubernetes', overlay)}`,
    '/',
  )
  if (status !== 0) throw new Error(stderr)
  const documents = (await tool<Yaml>('yaml')).parseAllDocuments(stdout)
  return documents.map(document => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS()
  })
}

export const ofKind = (manifests: readonly Manifest[], kind: string): readonly Manifest[] =>
  manifests.filter(each => each.kind === kind)
