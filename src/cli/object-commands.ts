import type { Command } from 'commander'

import { HoldfastError } from '../base/errors.ts'
import type { Deleted, Written } from '../index.ts'
import { objectsBelow } from './listing.ts'
import { dataOption } from './member-commands.ts'
import { inParallel, retrying } from './parallel.ts'
import { PeerClient } from './peer-client.ts'
import { printable } from './table.ts'
import {
  baseName,
  folderPrefix,
  inside,
  objectPath,
  parseObject,
  parseTarget,
  queryOf,
  type Target,
  TARGET_HELP,
  textOf,
} from './target.ts'
import { Failures } from './transfer.ts'
import type { Wire } from './wire.ts'

/** So many small commands at a time. */
const AT_ONCE = 8

interface Flags {
  readonly data: string
  readonly recursive?: boolean
  readonly version?: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** `holdfast rm BUCKET/KEY…` */
export function rmCommand(command: Command, signal: AbortSignal): void {
  command
    .description('delete objects')
    .argument('<BUCKET/KEY...>', 'the objects, or with --recursive folders; BUCKET/ is all in it')
    .option('-r, --recursive', 'delete everything below a folder')
    .option('--version <VERSION>', 'just this version, for good')
    .addOption(dataOption())
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\n${TARGET_HELP} Where a bucket keeps versions, they stay.`)
    .action(async (targets: readonly string[], flags: Flags) => {
      const client = await PeerClient.connect(flags.data, signal)
      if (flags.recursive === true)
        await removeFolders(client, targets.map(parseTarget), flags, signal)
      else await removeObjects(client, targets.map(parseObject), flags, signal)
    })
}

async function removeObjects(
  client: PeerClient,
  targets: readonly Target[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const results: (Target & Deleted)[] = []
  for (const target of targets) {
    const query = queryOf({ version: flags.version })
    const deleted = await retrying(signal, () =>
      client.ask<Deleted>('DELETE', `${objectPath('objects', target)}${query}`),
    )
    if (deleted.version === undefined) throw nothingAt(target)
    results.push({ ...target, ...deleted })
    if (flags.json !== true && flags.quiet !== true) console.error(`deleted ${textOf(target)}`)
  }
  if (flags.json === true) console.log(JSON.stringify(results.length === 1 ? results[0] : results))
}

async function removeFolders(
  client: PeerClient,
  targets: readonly Target[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const failures = new Failures()
  let count = 0
  for (const target of targets)
    await inParallel(objectsBelow(client, target), AT_ONCE, signal, async ({ key }, within) => {
      try {
        const path = objectPath('objects', { bucket: target.bucket, key })
        await retrying(within, () => client.ask('DELETE', path))
        count++
      } catch (error) {
        within.throwIfAborted()
        failures.add(printable(key), error)
      }
    })
  if (flags.json === true) console.log(JSON.stringify({ deleted: count, failed: failures.count }))
  else if (flags.quiet !== true) console.error(`deleted ${count} objects`)
  failures.throwIfAny()
}

/** `holdfast cp BUCKET/KEY BUCKET/KEY` */
export function cpCommand(command: Command, signal: AbortSignal): void {
  command
    .description('copy objects inside the network, without moving their bytes')
    .argument('<FROM>', 'BUCKET/KEY of the object, or with --recursive of the folder')
    .argument('<TO>', 'BUCKET/KEY; where KEY ends with a slash, or is empty, the name is added')
    .option('-r, --recursive', 'copy everything below a folder: FROM/a/b becomes TO/a/b')
    .option('--version <VERSION>', 'of this version')
    .addOption(dataOption())
    .option('-q, --quiet', 'say nothing but errors')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\n${TARGET_HELP} Files of this machine: see put and get.`)
    .action(async (from: string, to: string, flags: Flags) => {
      const client = await PeerClient.connect(flags.data, signal)
      if (flags.recursive === true)
        await copyFolder(client, parseTarget(from), parseTarget(to), flags, signal)
      else await copyObject(client, parseObject(from), parseTarget(to), flags, signal)
    })
}

const copyOne = (
  client: PeerClient,
  from: Target & { readonly version?: string | undefined },
  to: Target,
  signal: AbortSignal,
): Promise<Wire<Written>> =>
  retrying(signal, () => client.post<Wire<Written>>('/api/v1/copies', { from, to }))

async function copyObject(
  client: PeerClient,
  from: Target,
  folder: Target,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const to = inside(folder, baseName(from.key))
  const written = await copyOne(client, { ...from, version: flags.version }, to, signal)
  if (flags.json === true) console.log(JSON.stringify({ ...to, ...written }))
  else if (flags.quiet !== true) console.error(`copied to ${textOf(to)}`)
}

async function copyFolder(
  client: PeerClient,
  from: Target,
  to: Target,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const failures = new Failures()
  const [old, fresh] = [folderPrefix(from.key), folderPrefix(to.key)]
  if (from.bucket === to.bucket && fresh.startsWith(old))
    throw new HoldfastError(`Cannot copy ${textOf(from)} into itself`, {
      code: 'CONFIG_INVALID',
      key: 'target',
      reason: 'it lies in what is copied',
    })
  let count = 0
  await inParallel(objectsBelow(client, from), AT_ONCE, signal, async ({ key }, within) => {
    try {
      const place = { bucket: to.bucket, key: `${fresh}${key.slice(old.length)}` }
      await copyOne(client, { bucket: from.bucket, key }, place, within)
      count++
    } catch (error) {
      within.throwIfAborted()
      failures.add(printable(key), error)
    }
  })
  if (flags.json === true) console.log(JSON.stringify({ copied: count, failed: failures.count }))
  else if (flags.quiet !== true) console.error(`copied ${count} objects to ${textOf(to)}`)
  failures.throwIfAny()
}

const nothingAt = ({ bucket, key }: Target): HoldfastError =>
  new HoldfastError(`There is nothing at ${printable(`${bucket}/${key}`)}`, {
    code: 'NO_SUCH_KEY',
    bucket,
    key,
  })
