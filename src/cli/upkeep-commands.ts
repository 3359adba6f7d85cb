import { setTimeout as sleep } from 'node:timers/promises'

import { type Command, Option } from 'commander'

import type {
  DrainPlan,
  DrainView,
  PeerView,
  RebalanceView,
  RepairRecord,
  UpkeepStatus,
} from '../index.ts'
import { formatBytes, formatTime } from './format.ts'
import { dataOption } from './member-commands.ts'
import { parseBounded } from './parse.ts'
import { PeerClient } from './peer-client.ts'
import { peerLabels } from './peer-labels.ts'
import { formatTable } from './table.ts'
import type { Wire } from './wire.ts'

const LOOK_MS = 1000
/** A plan over everything the network holds may take its time. */
const PLAN_MS = 60_000

interface Flags {
  readonly data: string
  readonly json?: boolean
}

type Repair = Wire<RepairRecord & { readonly by: string }>

/** `holdfast repairs [--limit N]` */
export function repairsCommand(command: Command, signal: AbortSignal): void {
  command
    .description('what was done to keep fragments whole, and what there is to do')
    .addOption(
      new Option('-n, --limit <N>', 'how many of the last')
        .argParser(parseBounded(1, 1000))
        .default(20),
    )
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .action(async ({ data, json, limit }: Flags & { readonly limit: number }) => {
      const client = await PeerClient.connect(data, signal)
      const upkeep = await client.get<UpkeepStatus>('/api/v1/upkeep')
      const repairs = await client.get<readonly Repair[]>(`/api/v1/repairs?limit=${limit}`)
      if (json === true) return console.log(JSON.stringify({ upkeep, repairs }))
      const peers = await client.get<readonly PeerView[]>('/api/v1/peers')
      return console.log(`${repairsTable(repairs, peerLabels(peers))}\n\n${upkeepText(upkeep)}`)
    })
}

export function repairsTable(repairs: readonly Repair[], label: (peer: string) => string): string {
  if (repairs.length === 0) return 'nothing had to be repaired yet'
  const rows = repairs.map(each => [
    formatTime(each.at),
    each.kind,
    each.outcome,
    `${each.bucket}/${each.key}`,
    String(each.segment),
    each.fragments.map(({ index, peer }) => `${index}→${label(peer)}`).join(' '),
    formatBytes(each.bytesWritten),
    `${(each.tookMs / 1000).toFixed(1)} s`,
    label(each.by),
    each.reason || `${each.proofs.length} proven`,
  ])
  return formatTable(
    ['TIME', 'WHAT', 'OUTCOME', 'OBJECT', 'SEGMENT', 'FRAGMENTS', 'BYTES', 'TOOK', 'BY', 'PROOF'],
    rows,
  )
}

export function upkeepText(upkeep: UpkeepStatus): string {
  const { waiting, running, short, audits, scrub } = upkeep
  const work = [
    `${running} running`,
    `${waiting} waiting`,
    ...(short > 0 ? [`${short} for which there are too few peers`] : []),
  ]
  const wrong = audits.wrong + scrub.findings
  return [
    `repairs of this peer: ${work.join(', ')}; ` +
      `${upkeep.repairedSegments} segments done (${formatBytes(upkeep.repairedBytes)})`,
    `checked: ${audits.ok} audits well, ${scrub.fragments} fragments read` +
      (wrong === 0 ? '' : `; ${wrong} were wrong and are repaired`),
  ].join('\n')
}

interface DrainFlags extends Flags {
  readonly undo?: boolean
  readonly dryRun?: boolean
  readonly wait?: boolean
}

/** `holdfast drain [PEER]` */
export function drainCommand(command: Command, signal: AbortSignal): void {
  command
    .description('move everything off a peer, so that it can leave; without PEER, list drains')
    .argument('[PEER]', 'its id, or its name if no other peer has it')
    .option('--undo', 'let it hold fragments again')
    .option('--dry-run', 'only say what would move')
    .option('-w, --wait', 'until it is empty')
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async (peer: string | undefined, flags: DrainFlags) => {
      const client = await PeerClient.connect(flags.data, signal)
      if (peer === undefined) return listDrains(client, flags)
      if (flags.dryRun === true) return planDrain(client, peer, flags)
      const path = `/api/v1/drains/${encodeURIComponent(peer)}`
      const result =
        flags.undo === true
          ? await client.ask('DELETE', path)
          : await client.post('/api/v1/drains', { peer })
      if (flags.wait === true && flags.undo !== true) await untilDrained(client, peer, signal)
      if (flags.json === true) return console.log(JSON.stringify(result))
      return console.error(drainText(peer, flags))
    })
}

async function planDrain(client: PeerClient, peer: string, { json }: DrainFlags): Promise<void> {
  const plan = await client.post<DrainPlan>('/api/v1/drains', { peer, dryRun: true }, PLAN_MS)
  console.log(json === true ? JSON.stringify(plan) : drainPlanText(plan))
}

export function drainPlanText(plan: DrainPlan): string {
  const { fragments, bytes, isPartial, fits, freeBytesElsewhere, peersElsewhere } = plan
  const what = `${isPartial ? 'at least ' : ''}${fragments} fragments, ${formatBytes(bytes)}, would move`
  const where = `${peersElsewhere} other peers have ${formatBytes(freeBytesElsewhere)} free`
  return `${what}; ${where}${fits ? '' : ', and cannot take them'}`
}

function drainText(peer: string, { undo, wait }: DrainFlags): string {
  if (undo === true) return `${peer} may hold fragments again`
  return wait === true
    ? `${peer} is empty; it can be stopped for good`
    : `${peer} is being emptied and goes on serving meanwhile; see holdfast drain`
}

async function listDrains(client: PeerClient, { json }: DrainFlags): Promise<void> {
  const drains = await client.get<readonly DrainView[]>('/api/v1/drains')
  if (json === true) return console.log(JSON.stringify(drains))
  if (drains.length === 0) return console.log('no peer is being emptied')
  const label = peerLabels(await client.get<readonly PeerView[]>('/api/v1/peers'))
  const rows = drains.map(({ peer, state }) => [label(peer), state, peer])
  return console.log(formatTable(['NAME', 'STATE', 'PEER'], rows))
}

async function untilDrained(
  client: PeerClient,
  wanted: string,
  signal: AbortSignal,
): Promise<void> {
  const peers = await client.get<readonly PeerView[]>('/api/v1/peers')
  const ids = peers.filter(({ peer, name }) => peer === wanted || name === wanted)
  for (;;) {
    const drains = await client.get<readonly DrainView[]>('/api/v1/drains')
    const view = drains.find(({ peer }) => ids.some(each => each.peer === peer))
    if (view === undefined || view.state === 'drained') return
    await sleep(LOOK_MS, undefined, { signal })
  }
}

/** `holdfast rebalance [--dry-run]` */
export function rebalanceCommand(command: Command, signal: AbortSignal): void {
  command
    .description('make peers equally full')
    .option('-n, --dry-run', 'only say what would move')
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async ({ data, json, dryRun = false }: Flags & { readonly dryRun?: boolean }) => {
      const client = await PeerClient.connect(data, signal)
      const view = await client.post<RebalanceView>('/api/v1/rebalance', { dryRun }, PLAN_MS)
      console.log(json === true ? JSON.stringify(view) : rebalanceText(view, dryRun))
    })
}

export function rebalanceText(view: RebalanceView, isDryRun: boolean): string {
  const { moves, bytes, before, after } = view
  if (moves === 0) return 'nothing to move: peers are about equally full'
  const table = formatTable(
    ['', 'FULLEST', 'EMPTIEST'],
    [
      ['before', percent(before.fullest), percent(before.emptiest)],
      ['after', percent(after.fullest), percent(after.emptiest)],
    ],
  )
  const verb = isDryRun ? 'would move' : 'are moving; see holdfast repairs'
  return `${moves} fragments (${formatBytes(bytes)}) ${verb}\n\n${table}`
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
