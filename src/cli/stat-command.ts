import type { Command } from 'commander'

import type { BucketInfo, BucketUsage } from '../index.ts'
import { type Found, findObject } from './download.ts'
import { formatBytes, formatTime } from './format.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { formatTable } from './table.ts'
import { bucketPath, parseTarget, TARGET_HELP } from './target.ts'
import type { Wire } from './wire.ts'

interface Flags {
  readonly data: string
  readonly version?: string
  readonly json?: boolean
}

/** `holdfast stat BUCKET[/KEY]` */
export function statCommand(command: Command, signal: AbortSignal): void {
  command
    .description('describe an object, or a bucket and how much is in it')
    .argument('<TARGET>', 'BUCKET or BUCKET/KEY')
    .option('--version <VERSION>', 'an earlier version')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${TARGET_HELP}`)
    .action(async (text: string, flags: Flags) => {
      const target = parseTarget(text)
      const client = await PeerClient.connect(flags.data, signal)
      if (target.key === '') return statBucket(client, target.bucket, flags)
      const info = await findObject(target, { client, version: flags.version })
      console.log(flags.json === true ? JSON.stringify(info) : objectTable(info))
    })
}

async function statBucket(client: PeerClient, bucket: string, { json }: Flags): Promise<void> {
  const info = await client.get<Wire<BucketInfo>>(bucketPath(bucket))
  const usage = await client.get<BucketUsage>(bucketPath(bucket, '/usage'))
  console.log(json === true ? JSON.stringify({ ...info, usage }) : bucketTable(info, usage))
}

function objectTable(info: Found): string {
  const { headers, tags, checksums, retention } = info
  return formatTable(
    ['OBJECT', `${info.bucket}/${info.key}`],
    [
      ['size', `${formatBytes(info.sizeBytes)} (${info.sizeBytes} bytes)`],
      ['modified', formatTime(info.modified)],
      ['etag', info.etag],
      ['version', info.version],
      ...(info.parts > 0 ? [['parts', String(info.parts)]] : []),
      ...Object.entries(headers),
      ...Object.entries(tags).map(([name, value]) => [`tag ${name}`, value]),
      ...Object.entries(checksums),
      ...(retention == null
        ? []
        : [['retention', `${retention.mode} until ${formatTime(retention.until)}`]]),
      ...(info.hasLegalHold ? [['legal hold', 'yes']] : []),
      ...(info.needsKey ? [['key', 'only who has its key can read it']] : []),
    ],
  )
}

function bucketTable(info: Wire<BucketInfo>, usage: BucketUsage): string {
  return formatTable(
    ['BUCKET', info.name],
    [
      ['created', formatTime(info.created)],
      ['versions', info.versioning],
      ...(info.hasLock ? [['lock', 'objects may be locked']] : []),
      ['objects', `${usage.objects} (${formatBytes(usage.bytes)})`],
      ...(usage.versions > usage.objects ? [['all versions', String(usage.versions)]] : []),
      ...(usage.markers > 0 ? [['delete markers', String(usage.markers)]] : []),
      ...(usage.uploads > 0 ? [['uploads under way', String(usage.uploads)]] : []),
    ],
  )
}
