import { setTimeout as sleep } from 'node:timers/promises'

import type { Command } from 'commander'

import type { ClockReport, GroupView, NodeStatus, PeerView } from '../index.ts'
import { clockTable } from './clock-table.ts'
import { formatDuration } from './format.ts'
import { groupsTable } from './groups-table.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { formatTable } from './table.ts'

const WATCH_MS = 1000
const CLEAR = '\u001B[H\u001B[2J\u001B[3J'

interface ViewFlags {
  readonly data: string
  readonly json?: boolean
  readonly watch?: boolean
}

/** `holdfast peers [--json] [--watch]` */
export function peersCommand(command: Command, signal: AbortSignal): void {
  command.description('list the peers of the network, as the running peer sees them')
  viewCommand(command, signal, async client => {
    const peers = await client.get<readonly PeerView[]>('/api/v1/peers')
    return { data: peers, text: peersTable(peers) }
  })
}

/** `holdfast status [--json] [--watch]` */
export function statusCommand(command: Command, signal: AbortSignal): void {
  command.description('say how the running peer and its network are doing')
  viewCommand(command, signal, async client => {
    const status = await client.get<NodeStatus>('/api/v1/status')
    return { data: status, text: statusTable(status) }
  })
}

/** `holdfast clock [--json] [--watch]` */
export function clockCommand(command: Command, signal: AbortSignal): void {
  command.description('say what time it is for the running peer, how certain, and by whose word')
  viewCommand(command, signal, async client => {
    const clock = await client.get<ClockReport>('/api/v1/clock')
    return { data: clock, text: clockTable(clock) }
  })
}

/** `holdfast groups [--json] [--watch]` */
export function groupsCommand(command: Command, signal: AbortSignal): void {
  command.description('list the groups that agree, who leads them, who votes, and why')
  viewCommand(command, signal, async client => {
    const groups = await client.get<readonly GroupView[]>('/api/v1/groups')
    return { data: groups, text: groupsTable(groups) }
  })
}

function viewCommand(
  command: Command,
  signal: AbortSignal,
  look: (client: PeerClient) => Promise<{ readonly data: unknown; readonly text: string }>,
): void {
  command
    .addOption(dataOption())
    .option('--json', 'print JSON; with --watch, one line each time')
    .option('-w, --watch', 'look again every second, until interrupted')
    .action(async ({ data: directory, json, watch }: ViewFlags) => {
      const client = await PeerClient.connect(directory, signal)
      for (;;) {
        const { data, text } = await look(client)
        const isRedrawn = watch === true && process.stdout.isTTY
        console.log(json === true ? JSON.stringify(data) : `${isRedrawn ? CLEAR : ''}${text}`)
        if (watch !== true) return
        await sleep(WATCH_MS, undefined, { signal })
      }
    })
}

export function peersTable(peers: readonly PeerView[]): string {
  const rows = peers.map(view => [
    view.isSelf ? `${view.name} (this)` : view.name || '?',
    view.membership === 'member' ? view.state : view.membership,
    view.sinceMs === undefined ? '' : formatDuration(view.sinceMs / 1000),
    view.role ?? '',
    view.zone,
    view.rttMs === undefined ? '' : `${view.rttMs.toFixed(1)} ms`,
    view.clock?.status ?? '',
    view.peer,
    view.addresses[0]?.replace(/\/p2p\/.*$/, '') ?? '',
  ])
  return formatTable(
    ['NAME', 'STATE', 'SINCE', 'ROLE', 'ZONE', 'RTT', 'CLOCK', 'PEER', 'ADDRESS'],
    rows,
  )
}

export function statusTable(status: NodeStatus): string {
  const { peers, addresses, certificateUntil } = status
  const counts = Object.entries(peers).filter(([, count]) => count > 0)
  return formatTable(
    ['PEER', status.peer],
    [
      ['name', status.name],
      ['state', `${status.state} for ${formatDuration(status.uptimeMs / 1000)}`],
      ['version', status.version],
      ['network', status.network],
      [
        'role',
        `${status.role ?? 'none'}${status.isAuthority ? ', holds the key of the network' : ''}`,
      ],
      ['zone', status.zone || 'none'],
      ['peers', counts.map(([state, count]) => `${count} ${state}`).join(', ')],
      ['connections', String(status.connections)],
      ['certificate', certificateUntil === undefined ? 'none' : `until ${certificateUntil}`],
      ['directory', status.dataDirectory],
      ...addresses.map((address, index) => [index === 0 ? 'addresses' : '', address]),
    ],
  )
}
