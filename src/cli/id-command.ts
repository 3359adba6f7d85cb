import { type Command, Option } from 'commander'

import { DEFAULT_DATA } from './settings.ts'

/** `holdfast id` */
export function idCommand(command: Command): void {
  command
    .description('say who the peer of a directory is, also before it has run')
    .addOption(
      new Option('-d, --data <DIR>', 'where the peer keeps everything')
        .default(DEFAULT_DATA)
        .env('HOLDFAST_DATA'),
    )
    .option('--json', 'as JSON')
    .action(async ({ data, json }: { data: string; json?: boolean }) => {
      // Loaded only now: the rest of the program has no use for identities.
      const { peerIdOf } = await import('../index.ts')
      const peer = await peerIdOf(data)
      console.log(json === true ? JSON.stringify({ peer }) : peer)
    })
}
