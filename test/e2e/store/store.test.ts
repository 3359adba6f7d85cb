import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { bytesOf, streamOf } from '../../support/store-town.ts'
import { withRealTown } from './real-town.ts'

const MiB = 1_048_576

test('objects of all sizes come back over loopback and real disks, whole and in part', () =>
  withRealTown(3, async ({ stores }) => {
    const [a, b, c] = stores as [Store, Store, Store]
    for (const size of [0, 1, 4_096, 4_097, 65_520, 65_521, MiB, 16 * MiB + 1, 40 * MiB]) {
      const place = { bucket: 'films', key: `of ${size}` }
      const bytes = randomBytes(size)
      await a.put(place, streamOf(bytes))
      for (const store of [a, b, c])
        assert.ok(bytes.equals(await bytesOf((await store.get(place)).body)), `${size} bytes`)
      const range = { from: size >> 1, to: Math.min(size, (size >> 1) + 100_000) }
      if (size === 0) continue
      const part = await bytesOf((await b.get(place, range)).body)
      assert.ok(bytes.subarray(range.from, range.to).equals(part))
    }
  }))

test('many at once do not disturb each other', () =>
  withRealTown(3, async ({ stores }) => {
    const work = Array.from({ length: 24 }, async (_, at) => {
      const place = { bucket: 'films', key: `film ${at}` }
      const bytes = randomBytes(300_000 + 1_000 * at)
      const [writer, reader] = [stores[at % 3] as Store, stores[(at + 1) % 3] as Store]
      await writer.put(place, bytes)
      assert.ok(bytes.equals(await bytesOf((await reader.get(place)).body)))
    })
    await Promise.all(work)
  }))

type Store = Parameters<Parameters<typeof withRealTown>[1]>[0]['stores'][number]
