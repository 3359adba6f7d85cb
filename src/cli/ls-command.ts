import type { Command } from 'commander'

import type { BucketInfo, VersionPage } from '../index.ts'
import { bucketsTable } from './buckets-command.ts'
import { formatBytes, formatTime } from './format.ts'
import { type Page, pagesOf } from './listing.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { formatTable, JsonArray } from './table.ts'
import { bucketPath, parseTarget, queryOf, type Target, TARGET_HELP } from './target.ts'
import type { Wire } from './wire.ts'

interface ListFlags {
  readonly data: string
  readonly recursive?: boolean
  readonly versions?: boolean
  readonly json?: boolean
}

/** `holdfast ls [BUCKET[/PREFIX]]` */
export function lsCommand(command: Command, signal: AbortSignal): void {
  command
    .description('list buckets, or what is in one')
    .argument('[TARGET]', 'BUCKET, or BUCKET/PREFIX: what begins so; a folder ends with a slash')
    .option('-r, --recursive', 'list what is in folders too, by full keys')
    .option('--versions', 'list every version, and the markers of what was deleted')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${TARGET_HELP}`)
    .action(async (target: string | undefined, flags: ListFlags) => {
      const client = await PeerClient.connect(flags.data, signal)
      if (target === undefined) return listBuckets(client, flags)
      return flags.versions === true
        ? listVersions(client, parseTarget(target), flags)
        : listObjects(client, parseTarget(target), flags)
    })
}

async function listBuckets(client: PeerClient, { json }: ListFlags): Promise<void> {
  const buckets = await client.get<readonly Wire<BucketInfo>[]>('/api/v1/buckets')
  console.log(json === true ? JSON.stringify(buckets) : bucketsTable(buckets))
}

async function listObjects(client: PeerClient, target: Target, flags: ListFlags): Promise<void> {
  const { bucket } = target
  const prefix = flags.recursive === true ? target.key : await folderIfOne(client, target)
  const delimiter = flags.recursive === true ? undefined : '/'
  const array = new JsonArray()
  let isFirst = true
  for await (const page of pagesOf(client, { bucket, prefix, delimiter })) {
    if (flags.json === true) array.print(itemsOf(page))
    else if (isFirst || itemsOf(page).length > 0) console.log(pageTable(page, prefix, isFirst))
    isFirst = false
  }
  if (flags.json === true) array.end()
}

/** `photos` is taken for `photos/` if that is all that begins so. */
async function folderIfOne(client: PeerClient, { bucket, key }: Target): Promise<string> {
  if (key === '' || key.endsWith('/')) return key
  const query = queryOf({ prefix: key, delimiter: '/', limit: 2 })
  const { objects, prefixes } = await client.get<Page>(bucketPath(bucket, `/objects${query}`))
  return objects.length === 0 && prefixes.length === 1 && prefixes[0] === `${key}/`
    ? `${key}/`
    : key
}

const itemsOf = ({ objects, prefixes }: Page): readonly object[] => [
  ...prefixes.map(prefix => ({ type: 'prefix', prefix })),
  ...objects.map(object => ({ type: 'object', ...object })),
]

/** Folders first; of a folder, what is in it, without what all have before. */
export function pageTable({ objects, prefixes }: Page, prefix: string, hasHeader: boolean): string {
  if (objects.length + prefixes.length === 0) return 'nothing there'
  const cut = prefix.slice(0, prefix.lastIndexOf('/') + 1).length
  const rows = [
    ...prefixes.map(each => ['', '', each.slice(cut)]),
    ...objects.map(({ key, sizeBytes, modified }) => [
      formatBytes(sizeBytes),
      formatTime(modified),
      key.slice(cut),
    ]),
  ]
  const table = formatTable(['SIZE', 'MODIFIED           ', 'KEY'], rows)
  return hasHeader ? table : table.slice(table.indexOf('\n') + 1)
}

async function listVersions(
  client: PeerClient,
  { bucket, key }: Target,
  flags: ListFlags,
): Promise<void> {
  const array = new JsonArray()
  let next: { after?: string; version?: string | undefined } = {}
  let isFirst = true
  for (;;) {
    const query = queryOf({ prefix: key, after: next.after, afterVersion: next.version })
    const page = await client.get<Wire<VersionPage>>(bucketPath(bucket, `/versions${query}`))
    if (flags.json === true) array.print(page.versions)
    else if (isFirst || page.versions.length > 0) console.log(versionTable(page, isFirst))
    isFirst = false
    if (page.next === undefined) break
    next = page.next
  }
  if (flags.json === true) array.end()
}

export function versionTable({ versions }: Wire<VersionPage>, hasHeader: boolean): string {
  if (versions.length === 0) return 'nothing there'
  const rows = versions.map(({ key, version, sizeBytes, modified, isLatest, isMarker }) => [
    isMarker ? 'deleted' : formatBytes(sizeBytes),
    formatTime(modified),
    isLatest ? 'latest' : '',
    version,
    key,
  ])
  const table = formatTable(['SIZE', 'MODIFIED           ', 'STATE', 'VERSION', 'KEY'], rows)
  return hasHeader ? table : table.slice(table.indexOf('\n') + 1)
}
