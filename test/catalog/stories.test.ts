import { test } from 'node:test'

import { playCopiedPart, playLocks, playNullVersions } from './stories.ts'

test('a lock binds as its mode says, and a hold until it is lifted', playLocks)
test('of versions without an id of their own there is only ever one', playNullVersions)
test('an object of copied parts keeps their source until it is gone itself', playCopiedPart)
