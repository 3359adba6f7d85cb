import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { buildProgram, killAll } from '../../support/processes.ts'
import { ConsensusFleet, loopback, namespaces } from '../consensus/fleet.ts'
import { s3Partitions, s3Stories } from './s3-stories.ts'

/**
 * Twenty clients on three gateways write on conditions while whoever leads is killed and cut off:
 * what they saw is the history of a map on which one thing happens after the other. The long form
 * is `npm run soak -- s3`.
 */
const CLIENTS_EACH = 7
const PER_SECOND = 60

after(killAll)

test('conditional writes over S3 are linearizable through deaths and partitions', async t => {
  const made = namespaces(3)
  if (typeof made === 'string') t.diagnostic(`without partitions: ${made}`)
  const places = typeof made === 'string' ? [loopback, loopback, loopback] : made.places
  const fleet = new ConsensusFleet(buildProgram(), places)
  try {
    await fleet.start(3)
    const key = fleet.peers[0]?.announcement?.key
    const script = join(import.meta.dirname, 's3-load.ts')
    const clients = fleet.clients(PER_SECOND, [0, 1, 2], { script, key, workers: CLIENTS_EACH })
    try {
      await s3Stories['kill -9 of each']?.(fleet)
      if (typeof made !== 'string') await s3Partitions['each cut off, both']?.(fleet)
      const testimony = await clients.stop()
      const told = JSON.stringify({ ...testimony, errors: [...testimony.errors] }, undefined, 1)
      t.diagnostic(told)
      assert.equal(testimony.verdict.type, 'linearizable', told)
      assert.ok(testimony.operations > 500, told)
    } finally {
      clients.kill()
    }
  } finally {
    await killAll()
    if (typeof made !== 'string') made.remove()
  }
})
