import type { Command } from 'commander'

import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'

/** `holdfast authority [--json]` */
export function authorityCommand(command: Command, signal: AbortSignal): void {
  command
    .description('print the certificate to trust for gateways that speak TLS by `up --tls`')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .action(async ({ data, json }: { readonly data: string; readonly json?: boolean }) => {
      const client = await PeerClient.connect(data, signal)
      const answer = await client.get<{ readonly certificate: string }>('/api/v1/authority')
      console.log(json === true ? JSON.stringify(answer) : answer.certificate.trimEnd())
    })
}
