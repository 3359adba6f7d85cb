import type { Command } from 'commander'

import { gatherSettings, type Settings } from './settings.ts'

type UpFlags = Omit<Settings, 'mdns' | 'log-level' | 's3-domain' | 's3-region'> & {
  readonly config?: string
  readonly mdns?: true
  readonly logLevel?: string
  readonly s3Domain?: string
  readonly s3Region?: string
  readonly json?: boolean
}

/** `holdfast up [--join TOKEN]` */
export function upCommand(command: Command, signal: AbortSignal): void {
  command
    .description('run a peer: return to its network, join one, or make one')
    .option('-d, --data <DIR>', 'where the peer keeps everything (default: ./holdfast-data)')
    .option('-j, --join <TOKEN>', 'the invite to join with, if DIR belongs to no network yet')
    .option(
      '--listen <ADDRESS>',
      'where peers connect (default: 0.0.0.0:4801 or the next free port)',
    )
    .option(
      '--gateway <HOST:PORT>',
      'where people connect (default: 127.0.0.1:4800 or the next free port)',
    )
    .option('--ntp <HOSTS>', 'NTP servers, as host or host:port, separated by commas')
    .option('--profile <NAME>', 'how fast deaths are noticed: lan, fast or wan (default: lan)')
    .option('--zone <LABEL>', 'what this peer shares its fate with: a rack, a house, a provider')
    .option('--name <NAME>', 'what people call this peer (default: the name of the machine)')
    .option('--capacity <SIZE>', 'most that it holds for the network, as 500GB (default: the disk)')
    .option('--s3-region <NAME>', 'the region that S3 clients have to name (default: us-east-1)')
    .option('--s3-domain <NAMES>', 'domains below which a bucket is a host (default: localhost)')
    .option('--mdns', 'look for peers of this network on the local network')
    .option('--log-level <LEVEL>', 'debug, info, warn or error (default: info)')
    .option('--config <FILE>', 'settings as TOML (default: holdfast.toml in DIR, if it is there)')
    .option('--json', 'say on standard output, as JSON, that the peer is up')
    .addHelpText(
      'after',
      '\nEvery setting can also be an environment variable (HOLDFAST_DATA, HOLDFAST_LOG_LEVEL, …)\n' +
        'or a line of the file (data = "…", log-level = "…"). Flags come first, then variables.',
    )
    .action(async (flags: UpFlags) => {
      // Loaded only now: the rest of the program has no use for a whole peer.
      const { up } = await import('./up.ts')
      const { config, json = false, logLevel, mdns, s3Domain, s3Region, ...plain } = flags
      const told: Settings = {
        ...plain,
        ...(mdns === true && { mdns: 'true' }),
        ...(logLevel !== undefined && { 'log-level': logLevel }),
        ...(s3Domain !== undefined && { 's3-domain': s3Domain }),
        ...(s3Region !== undefined && { 's3-region': s3Region }),
      }
      await up(gatherSettings(told, process.env, config), { isJson: json, signal })
    })
}
