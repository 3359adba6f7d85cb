import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { api } from '../../src/gateway/api.ts'
import { root } from '../support/checkout.ts'

test('docs/http.md has every request that is answered, and none that is not', () => {
  const page = readFileSync(join(root, 'docs', 'http.md'), 'utf8')
  const told = [...page.matchAll(/^\| `([A-Z]+ \/\S*)` \|/gm)].map(([, name = '']) => name)
  assert.deepEqual(told.toSorted(), api.names.toSorted())
})
