import { setTimeout as sleep } from 'node:timers/promises'

import { type Command, Option } from 'commander'

import { HoldfastError } from '../base/errors.ts'
import type { KvEntryView } from '../gateway/kv-api.ts'
import { dataOption } from './member-commands.ts'
import { parseCount, parseDuration } from './parse.ts'
import { PeerClient } from './peer-client.ts'
import { printable } from './table.ts'

const WATCH_EVERY_MS = 250

interface Flags {
  readonly data: string
  readonly json?: boolean
  readonly deadline?: number
}

interface CasFlags extends Flags {
  readonly ifAbsent?: true
  readonly ifRevision?: number
  readonly ifValue?: string
}

interface Change {
  readonly key: string
  readonly value: string | null
  readonly revision: number
}

/** `holdfast kv get|put|cas|delete|list|watch` */
export function kvCommand(command: Command, signal: AbortSignal): void {
  command.description('the replicated map of the network: settings, and what must be agreed on')
  const verb = (name: string, what: string): Command =>
    command
      .command(name)
      .description(what)
      .addOption(dataOption())
      .addOption(
        new Option('--deadline <TIME>', 'give up after this, as 5s').argParser(parseDuration),
      )
      .option('--json', 'print JSON; values as base64')
  verb('get', 'print what a key holds')
    .argument('<KEY>')
    .action((key: string, flags: Flags) => get(key, flags, signal))
  verb('put', 'write a value')
    .argument('<KEY>')
    .argument('<VALUE>')
    .action((key: string, value: string, flags: Flags) =>
      tell(flags, signal, 'put', { key, value: encode(value) }),
    )
  verb('delete', 'remove a key')
    .argument('<KEY>')
    .action((key: string, flags: Flags) => tell(flags, signal, 'delete', { key }))
  verb('cas', 'write a value, or remove the key without one, if it holds what is expected')
    .argument('<KEY>')
    .argument('[VALUE]')
    .option('--if-absent', 'if there is nothing')
    .addOption(
      new Option('--if-revision <N>', 'if it was written at this revision').argParser(parseCount),
    )
    .option('--if-value <VALUE>', 'if it holds this')
    .action((key: string, value: string | undefined, flags: CasFlags) =>
      cas(key, value, flags, signal),
    )
  verb('list', 'print the keys that begin with a prefix, and what they hold')
    .argument('[PREFIX]')
    .action((prefix: string | undefined, flags: Flags) => list(prefix ?? '', flags, signal))
  verb('watch', 'print each change under a prefix, until interrupted')
    .argument('[PREFIX]')
    .addOption(
      new Option('--after <REVISION>', 'also changes since then (default: from now on)').argParser(
        parseCount,
      ),
    )
    .action((prefix: string | undefined, flags: Flags & { after?: number }) =>
      watch(prefix ?? '', flags, signal),
    )
}

async function call<Answer>(
  { data, deadline }: Flags,
  signal: AbortSignal,
  name: string,
  body: Record<string, unknown>,
): Promise<Answer> {
  const client = await PeerClient.connect(data, signal)
  const limit = deadline === undefined ? {} : { deadlineMs: deadline }
  return client.post<Answer>(`/api/v1/kv/${name}`, { ...body, ...limit }, deadline)
}

async function tell(
  flags: Flags,
  signal: AbortSignal,
  name: string,
  body: Record<string, unknown>,
): Promise<void> {
  const answer = await call<Record<string, unknown>>(flags, signal, name, body)
  if (flags.json === true) console.log(JSON.stringify(answer))
  else console.log(Object.values(answer).join(' '))
}

async function get(key: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { entry } = await call<{ entry: KvEntryView | null }>(flags, signal, 'get', { key })
  if (flags.json === true) console.log(JSON.stringify(entry))
  else if (entry !== null) process.stdout.write(decode(entry.value))
  if (entry === null) throw missing(key)
  if (flags.json !== true && process.stdout.isTTY) console.log()
}

async function cas(
  key: string,
  value: string | undefined,
  flags: CasFlags,
  signal: AbortSignal,
): Promise<void> {
  const { ifAbsent, ifRevision, ifValue } = flags
  const answer = await call<{
    isWritten: boolean
    revision?: number
    entry?: KvEntryView | null
  }>(flags, signal, 'cas', {
    key,
    value: value === undefined ? null : encode(value),
    ...(ifAbsent === true && { ifAbsent }),
    ...(ifRevision !== undefined && { ifRevision }),
    ...(ifValue !== undefined && { ifValue: encode(ifValue) }),
  })
  if (flags.json === true) console.log(JSON.stringify(answer))
  else if (answer.isWritten) console.log(String(answer.revision))
  if (answer.isWritten) return
  const there = answer.entry == null ? 'nothing' : `something of revision ${answer.entry.revision}`
  throw new Error(`not written: ${key} holds ${there}`)
}

async function list(prefix: string, flags: Flags, signal: AbortSignal): Promise<void> {
  for (let after = ''; ;) {
    const page = await call<{ entries: readonly KvEntryView[]; isMore: boolean }>(
      flags,
      signal,
      'list',
      { prefix, after },
    )
    for (const entry of page.entries) {
      if (flags.json === true) console.log(JSON.stringify(entry))
      else console.log(`${printable(entry.key)}\t${printable(decode(entry.value).toString())}`)
    }
    after = page.entries.at(-1)?.key ?? after
    if (!page.isMore) return
  }
}

async function watch(
  prefix: string,
  flags: Flags & { after?: number },
  signal: AbortSignal,
): Promise<void> {
  for (let after = flags.after; ;) {
    const page = await call<{ changes: readonly Change[]; through: number }>(
      flags,
      signal,
      'changes',
      { prefix, ...(after !== undefined && { after }) },
    )
    for (const change of page.changes) {
      const { key, value, revision } = change
      const text = value === null ? 'deleted' : `= ${printable(decode(value).toString())}`
      console.log(
        flags.json === true ? JSON.stringify(change) : `${revision} ${printable(key)} ${text}`,
      )
    }
    const isMore = page.changes.length > 0 && page.through !== after
    after = page.through
    if (!isMore) await sleep(WATCH_EVERY_MS, undefined, { signal })
  }
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
const decode = (text: string): Buffer => Buffer.from(text, 'base64')

const missing = (key: string): HoldfastError =>
  new HoldfastError(`${printable(key)} holds nothing`, { code: 'FILE_NOT_FOUND', path: key })
