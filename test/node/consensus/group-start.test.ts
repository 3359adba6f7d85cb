import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Environment } from '../../../src/base/environment.ts'
import { encodeConfiguration } from '../../../src/consensus/configuration.ts'
import type { Entry, HardState } from '../../../src/consensus/entry.ts'
import {
  decodeEntry,
  decodeState,
  encodeEntry,
  encodeState,
} from '../../../src/node/consensus/group-records.ts'
import { findGroup, type FoundGroup } from '../../../src/node/consensus/group-start.ts'
import { NOTHING } from '../../../src/node/consensus/replica-state.ts'
import { SnapshotStore } from '../../../src/node/consensus/snapshot-store.ts'
import type { WalRecord } from '../../../src/storage/wal-record.ts'
import { Wal } from '../../../src/storage/wal.ts'
import { World } from '../../sim/world.ts'
import { failsWith } from '../../support/expect.ts'

const group = 3
const replica = 'a/0011'
const configuration = { voters: [replica], outgoing: [], learners: [] }

const state = (hard: Partial<HardState>): WalRecord => {
  const whole = { term: 1, vote: undefined, commit: 0, ...hard }
  return { type: 'state', group, payload: encodeState({ replica, hard: whole }) }
}

const entry = (index: number, kind: Entry['kind'] = 'command'): WalRecord => {
  const data = kind === 'configuration' ? encodeConfiguration(configuration) : Uint8Array.of(index)
  const payload = encodeEntry({ index, term: 1, kind, data })
  return { type: 'entry', group, index, term: 1, payload }
}

const base = (index: number, term = 0): WalRecord => ({ type: 'base', group, index, term })

/** Writes frames, lets something happen to the disk, and opens the group. */
async function found(
  frames: readonly WalRecord[][],
  harm: (peer: ReturnType<World['addPeer']>) => void = () => undefined,
  snapshotAt?: number,
): Promise<FoundGroup | undefined> {
  const world = new World(1)
  let run = 0
  const results: (FoundGroup | undefined)[] = []
  const program = async ({ disk, timers, random }: Environment): Promise<void> => {
    const networkId = new Uint8Array(32)
    const wal = await Wal.open({ disk, timers, random, networkId, vouchAfterMs: 1e6 })
    const snapshots = await SnapshotStore.open(disk)
    if (run++ === 0) {
      for (const records of frames) await wal.append(records)
      if (snapshotAt !== undefined) {
        await snapshots.write(group, { index: snapshotAt, term: 1, configuration }, [])
      }
    } else {
      const mark = (await snapshots.newest(group))?.mark ?? NOTHING
      results.push(await findGroup(wal, group, mark))
    }
  }
  const peer = world.addPeer('a', { program })
  await world.play(async () => {
    for (let starts = 0; starts < 2; starts++) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      peer.start(error => (error === undefined ? resolve() : reject(error)))
      await promise
      if (starts === 0) harm(peer)
    }
  })
  return results[0]
}

/** Rots the frame after the `count` first ones, each a sector in size. */
const rotFrame =
  (count: number) =>
  (peer: ReturnType<World['addPeer']>): void => {
    const [file] = peer.drive.files().filter(({ path }) => path.endsWith('.wal'))
    const { path = '', newest } = file ?? {}
    const back = (frames.length - 1 - count) * 512
    peer.drive.rot(path, (newest?.position ?? 0) - back + 20, 'bit')
  }

const frames = [
  [base(0), state({})],
  [entry(1, 'configuration'), entry(2)],
  [state({ term: 2, vote: 'b/1' })],
  [entry(3)],
]

test('a group is found as it was written', async () => {
  const group3 = await found(frames)
  assert.equal(group3?.replica, replica)
  assert.deepEqual(group3.start.hard, { term: 2, vote: 'b/1', commit: 0 })
  assert.deepEqual(
    group3.start.entries.map(({ index, kind }) => `${index} ${kind}`),
    ['1 configuration', '2 command', '3 command'],
  )
})

test('a replica that lost an entry, or just its vote, is not the one that promised', async () => {
  assert.equal(await found(frames, rotFrame(1)), undefined)
  assert.equal(await found(frames, rotFrame(2)), undefined)
})

test('a log that begins behind a snapshot which is gone is no log', async () => {
  const trimmed = [
    [base(0), state({})],
    [base(5, 1), state({ commit: 5 })],
  ]
  assert.equal(await found(trimmed), undefined)
  const whole = await found(trimmed, undefined, 5)
  assert.equal(whole?.start.snapshot.index, 5)
})

test('a commit index beyond what is there is cut back: it is only a hint', async () => {
  const cut = await found([[base(0), state({ commit: 9 })], [entry(1)]])
  assert.equal(cut?.start.hard.commit, 1)
})

test('state and entries survive encoding, and what is wrong is refused', () => {
  const hard = { term: 7, vote: 'b/22', commit: 5 }
  assert.deepEqual(decodeState(encodeState({ replica, hard })), { replica, hard })
  const unset = { term: 0, vote: undefined, commit: 0 }
  assert.deepEqual(decodeState(encodeState({ replica, hard: unset })).hard, unset)
  failsWith('MALFORMED', () => decodeState(Uint8Array.of(9)))
  failsWith('MALFORMED', () => decodeState(encodeState({ replica, hard }).subarray(0, 5)))
  failsWith('MALFORMED', () => decodeEntry({ index: 1, term: 1, payload: Uint8Array.of(7) }))
  failsWith('MALFORMED', () => decodeEntry({ index: 1, term: 1, payload: new Uint8Array(0) }))
})
