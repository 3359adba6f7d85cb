import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, describe, test } from 'node:test'

import { sharedFiles } from '../shards/import-shard.ts'
import { copyOfCheckout, root, run } from '../support/checkout.ts'

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** The one command of an npm script that matches, so that what is tried here is what is run. */
function commandOf(script: string, pattern: RegExp): string {
  const found = (scripts[script] ?? '').split(' && ').filter(command => pattern.test(command))
  assert.equal(found.length, 1, `npm run ${script} has one command like ${pattern}`)
  return found[0] as string
}

const lint = commandOf('lint', /^oxlint /)
const types = commandOf('typecheck', /^tsc$/)
const coreTypes = commandOf('typecheck', /^tsc -p tsconfig\.cores\.json$/)
/** Without the other tests that share its processes. */
const tidy = commandOf('test', /test\/shards\/\*\.test\.ts/).replaceAll(
  /"[^"]*"/g,
  'test/tidy.test.ts',
)
assert.ok(sharedFiles().includes('tidy.test.ts'), 'npm test runs test/tidy.test.ts')

/** Each is planted alone, and each of its tools must fail and name it. */
const defects = [
  {
    what: 'an import of the outside world',
    path: 'src/clock/planted.ts',
    text: "export { readFile } from 'node:fs/promises'\n",
    tools: [tidy, lint, coreTypes],
    complaints: ['src/clock/planted.ts'],
  },
  {
    what: 'an import of a sibling core',
    path: 'src/catalog/planted.ts',
    text: "export { tick } from '../clock/tick.ts'\n",
    tools: [tidy],
    complaints: ['src/catalog/planted.ts imports ../clock/tick.ts'],
  },
  {
    what: 'a look at the wall clock',
    path: 'src/consensus/planted.ts',
    text: 'export const now = (): number => Date.now()\n',
    tools: [tidy, lint],
    complaints: ['src/consensus/planted.ts'],
  },
  {
    what: 'a timer of the platform',
    path: 'src/membership/planted.ts',
    text: 'export const later = (probe: () => void): unknown => setTimeout(probe, 1)\n',
    tools: [tidy, lint, coreTypes],
    complaints: ['src/membership/planted.ts'],
  },
  {
    what: 'an undocumented failure',
    path: 'src/base/errors.ts',
    text: "\nexport type Planted = { readonly code: 'PLANTED' }\n",
    tools: [tidy],
    complaints: ['docs/errors.md lacks PLANTED'],
  },
  {
    what: 'a promise that nobody awaits',
    path: 'src/cli/planted.ts',
    text: "import { readFile } from 'node:fs/promises'\n\nexport function warm(): void {\n  readFile('x')\n}\n",
    tools: [lint],
    complaints: ['src/cli/planted.ts', 'no-floating-promises'],
  },
  {
    what: 'a wrong type',
    path: 'test/planted.ts',
    text: "export const size: number = 'large'\n",
    tools: [types],
    complaints: ['test/planted.ts'],
  },
] as const

describe('the gate', () => {
  let copy = ''
  before(() => (copy = copyOfCheckout()))

  for (const tool of [tidy, lint, types, coreTypes]) {
    test(`lets the tree pass as it is: ${tool}`, () => {
      const { status, output } = tryTool(tool, copy)
      assert.equal(status, 0, output)
      if (tool === tidy) assert.match(output, /pass [1-9]/)
    })
  }

  for (const { what, path, text, tools, complaints } of defects) {
    for (const tool of tools) {
      test(`stops at ${what}: ${tool}`, () => {
        const planted = join(copy, path)
        const original = existsSync(planted) ? readFileSync(planted, 'utf8') : undefined
        mkdirSync(dirname(planted), { recursive: true })
        appendFileSync(planted, text)
        const { status, output } = tryTool(tool, copy)
        if (original === undefined) rmSync(planted)
        else writeFileSync(planted, original)

        assert.notEqual(status, 0, output)
        for (const complaint of complaints) assert.ok(output.includes(complaint), output)
      })
    }
  }
})

/** What the tool says about a tree, with forward slashes. */
function tryTool(tool: string, tree: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = run(tool, tree)
  return { status, output: (stdout + stderr).replaceAll('\\', '/') }
}
