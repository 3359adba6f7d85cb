import { type Command, Option } from 'commander'

import type { BucketInfo, Versioning } from '../index.ts'
import { formatTime } from './format.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { formatTable } from './table.ts'
import { bucketPath } from './target.ts'
import type { Wire } from './wire.ts'

interface Flags {
  readonly data: string
  readonly json?: boolean
  readonly versioning?: Versioning
  readonly lock?: boolean
}

/** `holdfast buckets [list|create|change|delete]` */
export function bucketsCommand(command: Command, signal: AbortSignal): void {
  command.description('list, make, change and delete buckets')
  const verb = (name: string, what: string): Command =>
    command
      .command(name, { isDefault: name === 'list' })
      .description(what)
      .addOption(dataOption())
      .option('--json', 'print the result as JSON')
  const call = async <Result>(
    { data }: Flags,
    ...args: Parameters<PeerClient['ask']>
  ): Promise<Result> => (await PeerClient.connect(data, signal)).ask<Result>(...args)

  verb('list', 'list all buckets').action(async (flags: Flags) => {
    const buckets = await call<readonly Wire<BucketInfo>[]>(flags, 'GET', '/api/v1/buckets')
    tell(flags, buckets, bucketsTable(buckets))
  })
  verb('create', 'make a bucket')
    .argument('<BUCKET>', '3 to 63 lower-case letters, digits, dots and hyphens')
    .addOption(versioningOption())
    .option('--lock', 'let objects in it be locked against deletion')
    .action(async (bucket: string, flags: Flags) => {
      const { versioning, lock: hasLock } = flags
      const info = await call(flags, 'PUT', bucketPath(bucket), { versioning, hasLock })
      tell(flags, info, `${bucket} is made`)
    })
  verb('change', 'change how a bucket keeps versions')
    .argument('<BUCKET>')
    .addOption(versioningOption().makeOptionMandatory())
    .action(async (bucket: string, flags: Flags) => {
      const { versioning } = flags
      const info = await call(flags, 'PATCH', bucketPath(bucket), { versioning })
      tell(flags, info, `versioning of ${bucket} is ${versioning}`)
    })
  verb('delete', 'delete an empty bucket')
    .argument('<BUCKET>')
    .action(async (bucket: string, flags: Flags) => {
      tell(flags, await call(flags, 'DELETE', bucketPath(bucket)), `${bucket} is deleted`)
    })
}

const versioningOption = (): Option =>
  new Option('--versioning <HOW>', 'whether what is replaced or deleted is kept').choices([
    'off',
    'enabled',
    'suspended',
  ])

function tell({ json }: Flags, result: unknown, text: string): void {
  console.log(json === true ? JSON.stringify(result) : text)
}

export function bucketsTable(buckets: readonly Wire<BucketInfo>[]): string {
  if (buckets.length === 0) return 'no buckets yet: `holdfast put FILE BUCKET/` makes one'
  const rows = buckets.map(({ name, created, versioning, hasLock }) => [
    name,
    formatTime(created),
    versioning,
    hasLock ? 'lock' : '',
  ])
  return formatTable(['BUCKET', 'CREATED', 'VERSIONS', 'LOCK'], rows)
}
