import { codeOf } from '../../base/errors.ts'
import { encodeConfiguration } from '../../consensus/configuration.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { RaftStart } from '../../consensus/raft-state.ts'
import type { WalRecord } from '../../storage/wal-record.ts'
import type { Wal } from '../../storage/wal.ts'
import { decodeEntry, decodeState, encodeEntry, encodeState } from './group-records.ts'

/** What of a group is on this peer's disk. */
export interface FoundGroup {
  readonly replica: ReplicaId
  readonly start: RaftStart
}

const READ_BYTES_MAX = 4_194_304

/**
 * Reads what this peer has of a group whose state is made of `mark`. Undefined if something is
 * missing: then this replica can neither vote nor acknowledge again, for it has forgotten what it
 * promised (bug class 23).
 */
export async function findGroup(
  wal: Wal,
  group: number,
  mark: SnapshotMark,
): Promise<FoundGroup | undefined> {
  const found = wal.group(group)
  if (found?.state === undefined || found.damage !== undefined) return undefined
  const base = { index: found.baseIndex, term: found.baseTerm }
  if (mark.index < base.index) return undefined
  const { replica, hard } = decodeState(found.state)
  const entries = []
  try {
    for (let from = base.index + 1; from <= found.lastIndex;) {
      const read = await wal.read(group, from, READ_BYTES_MAX)
      for (const entry of read) entries.push(decodeEntry(entry))
      from += read.length
    }
  } catch (error) {
    if (codeOf(error) === 'LOG_DAMAGED') return undefined
    throw error
  }
  // A write that was cut short may hold the ballot and not all of the entries it told of.
  const commit = Math.min(hard.commit, base.index + entries.length)
  const start = { hard: { ...hard, commit }, snapshot: mark, base, entries }
  return { replica, start }
}

/** Makes a group that has this replica as its only voter. */
export async function foundGroup(wal: Wal, group: number, replica: ReplicaId): Promise<void> {
  const configuration = { voters: [replica], outgoing: [], learners: [] }
  const payload = encodeState({ replica, hard: { term: 1, vote: replica, commit: 1 } })
  // The first entry is what everybody who joins later gets, so the log explains itself.
  const data = encodeConfiguration(configuration)
  const entry = encodeEntry({ index: 1, term: 1, kind: 'configuration', data })
  await wal.append([
    { type: 'base', group, index: 0, term: 0 },
    { type: 'state', group, payload },
    { type: 'entry', group, index: 1, term: 1, payload: entry },
  ])
}

/** Makes a replica whose log begins behind a state that all its members begin with. */
export async function beginBehind(
  wal: Wal,
  group: number,
  { replica, mark }: { readonly replica: ReplicaId; readonly mark: SnapshotMark },
): Promise<void> {
  const { index, term } = mark
  const hard = { term, vote: undefined, commit: index }
  await wal.append([
    { type: 'base', group, index, term },
    { type: 'state', group, payload: encodeState({ replica, hard }) },
  ])
}

/** Makes a replica that knows nothing yet, in the place of whatever was there. */
export async function beginAnew(wal: Wal, group: number, replica: ReplicaId): Promise<void> {
  const hard = { term: 0, vote: undefined, commit: 0 }
  const records: WalRecord[] = [
    { type: 'base', group, index: 0, term: 0 },
    { type: 'state', group, payload: encodeState({ replica, hard }) },
  ]
  await wal.append(records)
}
