import type { Command } from 'commander'

import type { RangeView } from '../index.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { formatTable } from './table.ts'
import { parseTarget, type Target } from './target.ts'

interface Flags {
  readonly data: string
  readonly json?: boolean
}

/** `holdfast ranges`, `holdfast ranges split BUCKET[/KEY]` */
export function rangesCommand(command: Command, signal: AbortSignal): void {
  command.description('the ranges of the catalog, and which group has which')
  command
    .command('list', { isDefault: true })
    .description('list them in order; buckets go by their hash')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .action(async ({ data, json }: Flags) => {
      const client = await PeerClient.connect(data, signal)
      const ranges = await client.get<readonly RangeView[]>('/api/v1/ranges')
      console.log(json === true ? JSON.stringify(ranges) : rangesTable(ranges))
    })
  command
    .command('split')
    .description('make what lies at or above a place a group of its own, while all goes on')
    .argument('<BUCKET[/KEY]>', 'where the new range begins', parseTarget)
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async (at: Target, { data, json }: Flags) => {
      const client = await PeerClient.connect(data, signal)
      const made = await client.post<{ readonly group: number }>('/api/v1/ranges', { ...at })
      console.log(json === true ? JSON.stringify(made) : `group ${made.group} begins there now`)
    })
}

function rangesTable(ranges: readonly RangeView[]): string {
  const rows = ranges.map(({ group, epoch, from, to }) => [
    String(group),
    String(epoch),
    from === undefined ? 'the beginning' : nameOf(from),
    to === undefined ? 'the end' : nameOf(to),
  ])
  return formatTable(['GROUP', 'EPOCH', 'FROM', 'TO'], rows)
}

const nameOf = ({ bucket, key }: { readonly bucket: string; readonly key: string }): string =>
  key === '' ? bucket : `${bucket}/${key}`
