import { join } from 'node:path'

import { toHex } from '../base/bytes.ts'
import type { Disk } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { planRecovery, type RecoveryPlan, type Survivor } from '../consensus/recovery.ts'
import { openDisk } from '../storage/disk.ts'
import { LevelKeyValue } from '../storage/level-key-value.ts'
import { networkIdIn, SEGMENT_HEADER_BYTES, segmentNumber } from '../storage/wal-segment.ts'
import { Wal } from '../storage/wal.ts'
import { CATALOG_DIRECTORY } from './catalog/catalog-part.ts'
import { CatalogStates, groupStates } from './catalog/catalog-states.ts'
import { epochAfter, readEpoch, writeEpoch } from './consensus/epoch.ts'
import { applyRecovery, inspectGroups } from './consensus/group-recovery.ts'
import type { ReplicaStates } from './consensus/replica-state.ts'
import { SnapshotStore } from './consensus/snapshot-store.ts'
import { CONSENSUS_DIRECTORY, systemStates } from './consensus/system-group.ts'
import { lockDirectory } from './directory-lock.ts'
import { systemRandom, systemTimers } from './system.ts'

/**
 * Recovery of groups that have lost a majority of their voters, on the data directories of stopped
 * peers:
 *
 *     each peer:  inspectStore  → report
 *     one place:  planFromReports(all reports)  → plan
 *     each peer:  applyPlan(plan)
 */
export interface StoreReport {
  readonly format: string
  /** Hexadecimal. */
  readonly network: string
  /** Empty before the first recovery. */
  readonly epoch: string
  readonly survivors: readonly Survivor[]
}

export interface NetworkPlan {
  readonly format: string
  readonly network: string
  /** Of the network from now on: peers of any other are to be refused. */
  readonly epoch: string
  readonly groups: readonly RecoveryPlan[]
  /** Groups for which nothing is planned, and why. */
  readonly refused: readonly { readonly group: number; readonly reason: string }[]
}

export interface AppliedPlan {
  readonly group: number
  /** The new name of its only voter; undefined where what was here is gone, to begin anew. */
  readonly replica: string | undefined
}

const REPORT_FORMAT = 'holdfast-survivors-1'
const PLAN_FORMAT = 'holdfast-recovery-1'

/**
 * What a stopped peer has of each group. Opens the log as a start would.
 * @throws {HoldfastError} `FILE_NOT_FOUND` if there is no log in it; `FOREIGN_STORE`, `DISK_*`
 */
export async function inspectStore(directory: string): Promise<StoreReport> {
  return withStore(directory, async ({ wal, states, disk, network }) => ({
    format: REPORT_FORMAT,
    network: toHex(network),
    epoch: await readEpoch(disk),
    survivors: await inspectGroups(wal, states),
  }))
}

/**
 * A plan from what all survivors report, the same for the same reports but for its epoch.
 * @throws {HoldfastError} `PLAN_REFUSED` if they are not of one network and epoch, or no group can be
 * recovered.
 */
export function planFromReports(reports: readonly StoreReport[]): NetworkPlan {
  const [first] = reports
  if (first === undefined) throw planRefused('there are no reports')
  for (const { format, network, epoch } of reports) {
    if (format !== REPORT_FORMAT) throw planRefused(`'${format}' is no report`)
    if (network !== first.network) throw planRefused('they are of different networks')
    if (epoch !== first.epoch) throw planRefused('they are of different epochs')
  }
  const survivors = reports.flatMap(report => report.survivors)
  const numbers = [...new Set(survivors.map(({ group }) => group))].toSorted((a, b) => a - b)
  const groups: RecoveryPlan[] = []
  const refused: { group: number; reason: string }[] = []
  for (const group of numbers) {
    const plan = planRecovery(survivors.filter(survivor => survivor.group === group))
    if ('replica' in plan) groups.push(plan)
    else refused.push({ group, reason: plan.refused.reason })
  }
  if (groups.length === 0) {
    const why = refused.map(({ group, reason }) => `group ${group}: ${reason}`).join('; ')
    throw planRefused(why === '' ? 'nothing survives' : why)
  }
  const epoch = epochAfter(first.epoch, systemRandom())
  return { format: PLAN_FORMAT, network: first.network, epoch, groups, refused }
}

/** What has to be typed before a plan is applied. */
export const recoveryPhrase = ({ groups }: NetworkPlan): string =>
  `acknowledged writes of group ${groups.map(({ group }) => group).join(', ')} may be lost`

/**
 * Makes the replicas in this directory that the plan chose the only voters of their groups, and drops
 * those that must begin anew. The epoch is written first: whoever died in between has fenced the old
 * network off, and applies again.
 * @throws {HoldfastError} `PLAN_REFUSED` if the plan is of another network or names none of them;
 * `PLAN_OUTDATED`; `DISK_*`
 */
export async function applyPlan(directory: string, plan: NetworkPlan): Promise<AppliedPlan[]> {
  if (plan.format !== PLAN_FORMAT) throw planRefused(`'${plan.format}' is no plan`)
  return withStore(directory, async ({ wal, states, disk, network }) => {
    if (toHex(network) !== plan.network) throw planRefused('it is for another network')
    const here = new Set((await inspectGroups(wal, states)).map(({ replica }) => replica))
    const chosen = plan.groups.filter(({ replica }) => here.has(replica))
    // One that was thought lost and came back after all has to begin anew as well.
    const wiped = plan.groups.filter(({ wiped: left, lost }) =>
      [...left, ...lost].some(replica => here.has(replica)),
    )
    if (chosen.length + wiped.length === 0) {
      throw planRefused('it names no replica that is here, or was applied already')
    }
    await writeEpoch(disk, plan.epoch)
    const applied: AppliedPlan[] = []
    for (const each of chosen) {
      const replica = await applyRecovery(wal, states, each, systemRandom())
      applied.push({ group: each.group, replica })
    }
    for (const { group } of wiped) {
      await wal.append([{ type: 'drop', group }])
      await states.erase(group)
      applied.push({ group, replica: undefined })
    }
    return applied
  })
}

interface Store {
  readonly disk: Disk
  readonly wal: Wal
  readonly states: ReplicaStates
  readonly network: Uint8Array
}

async function withStore<Result>(
  directory: string,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const path = join(directory, CONSENSUS_DIRECTORY)
  const disk = openDisk(path)
  const network = await networkOf(disk, path)
  // Whoever runs on it must not be worked on under.
  const release = await lockDirectory(directory)
  try {
    return await withLog({ disk, directory, network }, work)
  } finally {
    await release()
  }
}

async function withLog<Result>(
  { disk, directory, network }: Place,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const [timers, random] = [systemTimers, systemRandom()]
  const wal = await Wal.open({ disk, networkId: network, timers, random })
  try {
    const snapshots = await SnapshotStore.open(disk)
    return await withStates(directory, snapshots, states => work({ disk, wal, states, network }))
  } finally {
    await wal.close()
  }
}

interface Place {
  readonly disk: Disk
  /** The data directory. */
  readonly directory: string
  readonly network: Uint8Array
}

/** The states of all groups, as far as there is a catalog. */
async function withStates<Result>(
  directory: string,
  snapshots: SnapshotStore,
  work: (states: ReplicaStates) => Promise<Result>,
): Promise<Result> {
  const names = await openDisk(directory).list('.')
  if (!names.some(({ name }) => name === CATALOG_DIRECTORY)) return work(systemStates(snapshots))
  const keyValue = await LevelKeyValue.open(join(directory, CATALOG_DIRECTORY))
  try {
    const catalog = await CatalogStates.open({
      keyValue,
      snapshots,
      stampMs: () => 0,
      born: () => undefined,
      isEstablished: () => false,
      failed: () => undefined,
    })
    const result = await work(groupStates(systemStates(snapshots), catalog))
    await catalog.close()
    return result
  } finally {
    await keyValue.close()
  }
}

/** From the first segment that says so. */
async function networkOf(disk: Disk, directory: string): Promise<Uint8Array> {
  const names = await disk.list('.').catch(() => [])
  for (const { name } of names) {
    if (segmentNumber(name) === undefined) continue
    const file = await disk.open(name, 'read')
    const network = networkIdIn(await file.read(0, SEGMENT_HEADER_BYTES), name)
    await file.close()
    if (network !== undefined) return network
  }
  const path = join(directory, '*.wal')
  throw new HoldfastError(`Cannot find a log: ${path}`, { code: 'FILE_NOT_FOUND', path })
}

const planRefused = (reason: string): HoldfastError =>
  new HoldfastError(`Cannot recover: ${reason}`, { code: 'PLAN_REFUSED', reason })
