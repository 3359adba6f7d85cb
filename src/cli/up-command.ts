import type { Command } from 'commander'

import { gatherSettings, type Settings } from './settings.ts'

/** As commander names them: `--log-level` is `logLevel`. */
type UpFlags = Readonly<Record<string, string | boolean | undefined>> & {
  readonly config?: string
  readonly json?: boolean
}

/** `holdfast up [--join TOKEN]` */
export function upCommand(command: Command, signal: AbortSignal): void {
  command
    .description('run a peer: return to its network, join one, or make one')
    .option('-d, --data <DIR>', 'where the peer keeps everything (default: ./holdfast-data)')
  networkOptions(command)
  command
    .option(
      '--listen <ADDRESS>',
      'where peers connect (default: 0.0.0.0:4801 or the next free port)',
    )
    .option(
      '--announce <ADDRESSES>',
      'what others are told to connect to, as peer-1:4801 (default: what is found)',
    )
    .option('--lane-port <PORT>', 'where bulk comes in, for firewalls (default: any free port)')
    .option('--wire-port <PORT>', 'and small messages between peers (default: any free port)')
    .option(
      '--gateway <HOST:PORT>',
      'where people connect (default: 127.0.0.1:4800 or the next free port)',
    )
    .option(
      '--plain-http',
      'let the gateway be reached from outside without TLS, inside a safe network',
    )
    .option('--tls', 'speak TLS with a certificate of the network: see `holdfast authority`')
    .option(
      '--tls-names <NAMES>',
      'names it is for beside those of this machine, as s3.example.org',
    )
    .option(
      '--tls-cert <FILE>',
      'speak TLS with this certificate, as PEM; replaced when it changes',
    )
    .option('--tls-key <FILE>', 'its key, as PEM')
    .option('--open-metrics', 'let whoever reaches the gateway read /metrics without the token')
    .option('--access-log <FILE>', 'a line of JSON for each request')
    .option('--drain <SECONDS>', 'how long /readyz says no before the gateway stops (default: 0)')
    .option('--ntp <HOSTS>', 'NTP servers, as host or host:port, separated by commas')
    .option('--profile <NAME>', 'how fast deaths are noticed: lan, fast or wan (default: lan)')
    .option('--zone <LABEL>', 'what this peer shares its fate with: a rack, a house, a provider')
    .option('--name <NAME>', 'what people call this peer (default: the name of the machine)')
    .option('--capacity <SIZE>', 'most that it holds for the network, as 500GB (default: the disk)')
    .option('--s3-region <NAME>', 'the region that S3 clients have to name (default: us-east-1)')
    .option('--s3-domain <NAMES>', 'domains below which a bucket is a host (default: localhost)')
    .option(
      '--website-domain <NAMES>',
      'domains below which a bucket is a website (default: web.localhost)',
    )
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
      const { config, json = false, ...told } = flags
      await up(gatherSettings(settingsOf(told), process.env, config), { isJson: json, signal })
    })
}

/** How a peer whose directory belongs to no network comes to one. */
function networkOptions(command: Command): void {
  command
    .option('-j, --join <TOKEN>', 'the invite to join with, if DIR belongs to no network yet')
    .option('--join-file <FILE>', 'the file with the invite; waits until it is there')
    .option(
      '--founder <NAME>',
      'who makes the network if there is no file yet: the peer of this name',
    )
    .option('--invite-file <FILE>', 'where who made the network keeps an invite for the others')
    .option(
      '--bootstrap-expect <N>',
      'make a network together with the peers of the list, once all N are there',
    )
    .option(
      '--bootstrap <ADDRESSES>',
      'that list, the same for all: /ip4/HOST/tcp/PORT/p2p/PEER, … (`holdfast id` tells PEER)',
    )
}

/** Flags under the names that settings have everywhere. */
const settingsOf = (flags: UpFlags): Settings =>
  Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
      String(value),
    ]),
  )
