import { type Command, Option } from 'commander'

import { parseCount, parseDuration } from './parse.ts'
import { PeerClient } from './peer-client.ts'
import { DEFAULT_DATA } from './settings.ts'

interface DataFlags {
  readonly data: string
  readonly json?: boolean
}

type InviteFlags = DataFlags & {
  readonly role: 'full' | 'storage'
  readonly uses: number
  readonly expires: number
  readonly zone?: string
}

/** The option of every command that speaks to a running peer. */
export const dataOption = (): Option =>
  new Option('-d, --data <DIR>', 'the directory of the running peer')
    .env('HOLDFAST_DATA')
    .default(DEFAULT_DATA)

/** `holdfast invite [--role full|storage] [--uses N] [--expires 1h] [--zone Z]` */
export function inviteCommand(command: Command, signal: AbortSignal): void {
  command
    .description('make an invite: a token that lets peers join')
    .addOption(
      new Option(
        '--role <ROLE>',
        'full members decrypt and vote, storage members only hold fragments',
      )
        .choices(['full', 'storage'])
        .default('full'),
    )
    .option('--uses <N>', 'how many peers may join with it', parseCount, 1)
    .option('--expires <TIME>', 'how long it is good: 90s, 30m, 1h, 7d', parseDuration, 3_600_000)
    .option('--zone <LABEL>', 'the zone of those who join with it; by default they choose')
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async ({ data, json, role, uses, expires, zone }: InviteFlags) => {
      const client = await PeerClient.connect(data, signal)
      const request = { role, uses, expiresInMs: expires, ...(zone !== undefined && { zone }) }
      const invite = await client.post<{ token: string }>('/api/v1/invites', request)
      console.log(json === true ? JSON.stringify(invite) : invite.token)
    })
}

/** `holdfast rename PEER NAME` */
export function renameCommand(command: Command, signal: AbortSignal): void {
  command
    .description('give a peer another name, for everybody; an empty one takes that back')
    .argument('<PEER>', 'its id, or its name if no other peer has it')
    .argument('<NAME>', 'at most 64 bytes')
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async (peer: string, name: string, { data, json }: DataFlags) => {
      const client = await PeerClient.connect(data, signal)
      const path = `/api/v1/peers/${encodeURIComponent(peer)}`
      const result = await client.ask('PATCH', path, { name })
      if (json === true) console.log(JSON.stringify(result))
    })
}

/** `holdfast ban PEER` */
export function banCommand(command: Command, signal: AbortSignal): void {
  command
    .description('ban a peer from the network, for good')
    .argument('<PEER>', 'its id, or its name if no other peer has it')
    .addOption(dataOption())
    .option('--json', 'print the result as JSON')
    .action(async (peer: string, { data, json }: DataFlags) => {
      const client = await PeerClient.connect(data, signal)
      const result = await client.post('/api/v1/bans', { peer })
      if (json === true) console.log(JSON.stringify(result))
      else console.error(`${peer} is banned; all peers that are connected know within seconds`)
    })
}
