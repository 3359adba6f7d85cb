import type { Command } from 'commander'

import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'

/** `holdfast console [--json]` */
export function consoleCommand(command: Command, signal: AbortSignal): void {
  command
    .description('print a link into the console of the running peer, good for one login')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .action(async ({ data, json }: { readonly data: string; readonly json?: boolean }) => {
      const client = await PeerClient.connect(data, signal)
      const link = await client.post<{ readonly url: string }>('/api/v1/login-links', {})
      console.log(json === true ? JSON.stringify(link) : link.url)
    })
}
