import { type Command, Option } from 'commander'

import type { AccessKeyView } from '../gateway/keys/access-key.ts'
import { abilities, type Ability, type Right } from '../gateway/keys/rights.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { invalid } from './settings.ts'
import { formatTable } from './table.ts'

interface Flags {
  readonly data: string
  readonly json?: boolean
}

interface CreateFlags extends Flags {
  readonly name: string
  readonly bucket: string
  readonly prefix: string
  readonly allow: readonly Ability[]
}

type Shown = AccessKeyView & { readonly secret: string }

/** `holdfast keys list|create|rotate|revoke` */
export function keysCommand(command: Command, signal: AbortSignal): void {
  command.description('access keys for S3: who may do what in which bucket')
  const verb = (name: string, what: string): Command =>
    command
      .command(name)
      .description(what)
      .addOption(dataOption())
      .option('--json', 'print the result as JSON')
  verb('list', 'print all keys and their rights').action((flags: Flags) => list(flags, signal))
  verb('create', 'make a key; its secret is shown only now')
    .option('--name <NAME>', 'what people call it', '')
    .option('--bucket <BUCKET>', 'where it may do that, or * for everywhere', '*')
    .option('--prefix <PREFIX>', 'only below this prefix', '')
    .addOption(
      new Option('--allow <LIST>', `what it may do: ${abilities.join(', ')}`)
        .argParser(parseAbilities)
        .default(['read', 'write', 'list'], 'read,write,list'),
    )
    .action((flags: CreateFlags) => create(flags, signal))
  verb('rotate', 'make a key with the rights of another, which stays until it is revoked')
    .argument('<ID>')
    .action(async (id: string, flags: Flags) => {
      const client = await PeerClient.connect(flags.data, signal)
      const path = `/api/v1/keys/${encodeURIComponent(id)}/rotate`
      show(await client.post<Shown>(path, {}), flags)
    })
  verb('revoke', 'end a key: within seconds nobody can use it any more')
    .argument('<ID>')
    .action((id: string, flags: Flags) => revoke(id, flags, signal))
}

async function list({ data, json }: Flags, signal: AbortSignal): Promise<void> {
  const client = await PeerClient.connect(data, signal)
  const { keys } = await client.get<{ keys: readonly AccessKeyView[] }>('/api/v1/keys')
  if (json === true) {
    console.log(JSON.stringify(keys))
    return
  }
  const rows = keys.map(({ id, name, createdMs, rights }) => [
    id,
    new Date(createdMs).toISOString(),
    rights.map(rightText).join('; '),
    name,
  ])
  console.log(formatTable(['ID', 'CREATED', 'RIGHTS', 'NAME'], rows))
}

async function create(flags: CreateFlags, signal: AbortSignal): Promise<void> {
  const { name, bucket, prefix, allow } = flags
  const client = await PeerClient.connect(flags.data, signal)
  const rights: readonly Right[] = [{ bucket, prefix, allows: allow }]
  show(await client.post<Shown>('/api/v1/keys', { name, rights }), flags)
}

async function revoke(id: string, { data, json }: Flags, signal: AbortSignal): Promise<void> {
  const client = await PeerClient.connect(data, signal)
  const result = await client.ask('DELETE', `/api/v1/keys/${encodeURIComponent(id)}`)
  if (json === true) console.log(JSON.stringify(result))
  else console.error(`${id} is revoked; every gateway knows within seconds`)
}

function show(key: Shown, { json }: Flags): void {
  if (json === true) console.log(JSON.stringify(key))
  else console.log(`AWS_ACCESS_KEY_ID=${key.id}\nAWS_SECRET_ACCESS_KEY=${key.secret}`)
}

const rightText = ({ bucket, prefix, allows }: Right): string =>
  `${allows.join(',')} in ${bucket}${prefix === '' ? '' : `/${prefix}`}`

function parseAbilities(text: string): readonly Ability[] {
  return text.split(',').map(name => {
    const found = abilities.find(ability => ability === name.trim())
    if (found === undefined) throw invalid('allow', `${name} is none of ${abilities.join(', ')}`)
    return found
  })
}
