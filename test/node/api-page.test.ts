import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { declarationOf, membersOf, rewritten, sectionsOf } from '../support/api-page.ts'
import { root } from '../support/checkout.ts'

/**
 * docs/api.md says what the declarations say. After a change on purpose, have the blocks written
 * anew, read the difference, and put the prose right:
 *
 *     HOLDFAST_REWRITE=1 npx node --conditions=source --test test/node/api-page.test.ts
 */
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const interfaces = [
  ['src/node/create-node.ts', 'HoldfastNode'],
  ['src/node/store/store.ts', 'Store'],
  ['src/node/store/upkeep.ts', 'Upkeep'],
  ['src/node/machines/machine-handle.ts', 'MachineHandle'],
  ['src/node/range-views.ts', 'RangeCalls'],
] as const
const typeSources = [
  'src/node/node-options.ts',
  'src/node/activity.ts',
  'src/node/admission/admission.ts',
  'src/node/store/store.ts',
  'src/node/store/upkeep.ts',
  'src/node/views.ts',
  'src/node/range-views.ts',
  'src/base/environment.ts',
  'src/consensus/application/definition.ts',
  'src/node/machines/machine-handle.ts',
  'src/node/clock/event-stamp.ts',
].map(read)

const verbs = interfaces.flatMap(([path, name]) => membersOf(read(path), name))
const exported = [...read('src/index.ts').matchAll(/\b([A-Z]\w+)\b/g)].map(([, name = '']) => name)
const types = exported.flatMap(name => {
  const code = typeSources.map(source => declarationOf(source, name)).find(Boolean)
  const isFace = interfaces.some(([, each]) => each === name)
  return code === undefined || isFace ? [] : [{ name, code }]
})
const declared = new Map([...verbs, ...types].map(({ name, code }) => [name, code]))

const path = join(root, 'docs', 'api.md')
if (process.env['HOLDFAST_REWRITE'] === '1')
  writeFileSync(path, rewritten(read('docs/api.md'), declared))
const sections = sectionsOf(read('docs/api.md'))

describe('docs/api.md', () => {
  test('has every verb and every type, once, and none that is not there', () => {
    assert.ok(verbs.length > 40, `${verbs.length} verbs`)
    const headings = sections.map(({ heading }) => heading)
    assert.deepEqual(headings.toSorted(), [...declared.keys()].toSorted())
  })

  test('and the package exports every type that the verbs need', () => {
    for (const source of ['src/node/store/store.ts', 'src/node/store/upkeep.ts'].map(read))
      for (const [, name = ''] of source.matchAll(/^export (?:interface|type) (\w+)/gm))
        assert.ok(exported.includes(name), name)
  })

  test('shows each as it is declared', () => {
    for (const { heading, code } of sections)
      assert.equal(code?.trim(), declared.get(heading), heading)
  })

  test('says of each verb how consistent it is, and how it fails', () => {
    const known = [...read('src/base/errors.ts').matchAll(/code: '([A-Z_]+)'/g)].map(
      each => each[1],
    )
    for (const { name } of verbs) {
      const text = sections.find(({ heading }) => heading === name)?.text ?? ''
      assert.match(text, /\*\*Consistency:\*\* \S/, name)
      const [, failures = ''] = /\*\*Failures:\*\*([^]*)$/.exec(text) ?? []
      assert.match(failures, /`[A-Z_]+`|none of its own/, name)
      for (const [, code] of failures.matchAll(/`([A-Z_]+)`/g))
        assert.ok(known.includes(code), code)
    }
  })
})

const planted = `
/** What it is. */
export interface Thing {
  /** Does. */
  run(
    place: { readonly a: string; b?: () => void },
    more?: Array<string>,
  ): Promise<void>
  readonly size: number
  other(): { readonly x: 1 } | undefined
}

export type Kind =
  /** The first. */
  | 'a'
  | 'b'

export type Next = number
`

test('members are found whatever their shape', () => {
  assert.deepEqual(
    membersOf(planted, 'Thing').map(({ name }) => name),
    ['run', 'size', 'other'],
  )
  assert.equal(membersOf(planted, 'Thing')[1]?.code, 'readonly size: number')
  assert.equal(declarationOf(planted, 'Kind'), `type Kind =\n  /** The first. */\n  | 'a'\n  | 'b'`)
  assert.equal(declarationOf(planted, 'Next'), 'type Next = number')
  assert.equal(declarationOf(planted, 'None'), undefined)
})

test('a block that has drifted is written anew, the prose stays', () => {
  const page = '### `run`\n\n```ts\nold()\n```\n\nProse.\n'
  assert.equal(rewritten(page, new Map([['run', 'run()']])), page.replace('old()', 'run()'))
})
