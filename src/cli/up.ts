import module from 'node:module'
import { resolve } from 'node:path'

import { type Gateway, startGateway } from '../gateway/gateway.ts'
import type { AccessKey } from '../gateway/keys/access-key.ts'
import { keyRingOf } from '../gateway/keys/key-ring.ts'
import { ALL_RIGHTS } from '../gateway/keys/rights.ts'
import {
  createLog,
  createNode,
  type HoldfastNode,
  type Log,
  logLevels,
  type NodeOptions,
} from '../index.ts'
import { logOutput } from './log-output.ts'
import {
  parseAnnounce,
  parseBytes,
  parseChoice,
  parseListen,
  parsePort,
  parseServers,
} from './parse.ts'
import { DEFAULT_DATA, type Settings } from './settings.ts'
import { whomToFoundWith } from './up-bootstrap.ts'
import { credentialsFor, gatewaySettings } from './up-gateway.ts'
import { keepInvite, whereToJoin } from './up-invite.ts'

/** How a peer is started from here: by npm in a checkout, by its name where it is installed. */
const isNpm = process.env['npm_lifecycle_event'] === 'start'
const upAgain = isNpm ? 'npm start --' : 'holdfast up'
const program = isNpm ? 'npm run holdfast --' : 'holdfast'
/** The invite that a new network begins with. */
const FIRST_INVITE = { uses: 10, expiresInMs: 3_600_000 } as const
/** How long the process may go on when its peer has stopped. */
const EXIT_MS = 200
const booleans = ['true', 'false'] as const
const profileNames = ['lan', 'fast', 'wan'] as const

/** Runs a peer until the signal aborts, or it cannot go on. */
export async function up(
  settings: Settings,
  { isJson, signal }: { readonly isJson: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const dataDirectory = resolve(settings.data ?? DEFAULT_DATA)
  // Whoever read the log may go, `tee` at Ctrl-C for one; the peer stays.
  process.stderr.on('error', () => undefined)
  const level = parseChoice('log-level', settings['log-level'] ?? 'info', logLevels)
  const log = createLog(level, logOutput(process.stderr, process.env), () => Date.now())
  const reached = gatewaySettings(settings)
  const node = createNode(nodeOptionsOf(settings, dataDirectory, log))
  const ended = endOf(node, signal)
  try {
    const isNew = { value: false }
    const unwatch = node.onEvent(event => {
      if (event.type === 'founded') isNew.value = true
    })
    await node.start({ signal })
    unwatch()
    const keys = keyRingOf(node)
    const region = settings['s3-region']
    const console = await startGateway({
      node,
      dataDirectory,
      ...reached,
      credentials: await credentialsFor(node, settings, { dataDirectory, log }),
      log,
      words: { program, up: upAgain },
      s3: { keys, region, ...addressesIn(settings) },
    })
    const reload = (): void => void console.reload()
    // From a terminal that is closed it means the end, as for any program.
    if (!process.stdout.isTTY) process.on('SIGHUP', reload)
    try {
      const token = isNew.value ? await node.invite(FIRST_INVITE) : undefined
      const options = { name: 'first', rights: ALL_RIGHTS, signal }
      const key = isNew.value ? await keys.create(options) : undefined
      const file = settings['invite-file']
      if (file !== undefined) void keepInvite(node, { file, log, signal })
      await say(describe(node, { ...linksOf(console), token, key, region, isJson }))
      // By the time a peer ends others may have started, and compiled everything again.
      module.flushCompileCache?.()
      await ended
    } finally {
      process.off('SIGHUP', reload)
      await console.stop()
    }
  } catch (error) {
    // Being told to stop is how a peer's life usually ends.
    if (!signal.aborted) throw error
  } finally {
    await node.stop()
    // What would not stop was left behind, and must not keep the process.
    setTimeout(() => process.exit(), EXIT_MS).unref()
  }
}

/** @throws {HoldfastError} `CONFIG_INVALID` */
function nodeOptionsOf(settings: Settings, dataDirectory: string, log: Log): NodeOptions {
  const { listen, announce, ntp, capacity, profile = 'lan' } = settings
  return {
    dataDirectory,
    join: whereToJoin(settings, log),
    bootstrap: whomToFoundWith(settings),
    listen: listen === undefined ? undefined : parseListen(listen),
    announce: announce === undefined ? undefined : parseAnnounce(announce),
    lanePort: portIn(settings, 'lane-port'),
    wirePort: portIn(settings, 'wire-port'),
    ntp: ntp === undefined ? undefined : parseServers(ntp),
    profile: parseChoice('profile', profile, profileNames),
    zone: settings.zone,
    name: settings.name,
    capacityBytes: capacity === undefined ? undefined : parseBytes('capacity', capacity),
    mdns: isSet(settings, 'mdns'),
    log,
  }
}

/** Resolves when somebody asks the peer to end, and rejects when it cannot go on. */
function endOf(node: HoldfastNode, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((done, fail) => {
    signal.addEventListener('abort', () => done(), { once: true })
    node.onEvent(event => {
      if (event.type === 'failed') fail(event.error)
    })
  })
  // Whoever waits hears of it; before that, `start` fails of itself.
  ended.catch(() => undefined)
  return ended
}

const linksOf = (gateway: Gateway): Pick<Said, 'url' | 'link'> => ({
  url: gateway.url,
  link: gateway.loginLink(),
})

interface Said {
  readonly url: string
  /** Into the console, good once. */
  readonly link: string
  readonly token: string | undefined
  readonly key: AccessKey | undefined
  readonly region: string | undefined
  readonly isJson: boolean
}

function describe(node: HoldfastNode, { url, link, token, key, region, isJson }: Said): string {
  const { peer, name, network, role, addresses, peers, isAuthority } = node.status()
  if (isJson) {
    const pair = key && { id: key.id, secret: key.secret }
    const where = { gateway: url, console: link }
    return JSON.stringify({ peer, name, network, role, addresses, ...where, token, key: pair })
  }
  const others = Object.values(peers).reduce((sum, count) => sum + count, -1)
  const lines = [
    `holdfast is up: ${name}, ${token === undefined ? `one of ${others + 1} peers` : 'the first peer of a new network'}`,
    '',
    `  console  ${link}`,
    `           (good once, within the hour; another: ${program} console${dataFlag(node)})`,
    `  gateway  ${url}`,
    `  peer     ${peer}`,
    ...addresses.map(address => `           ${address.replace(/\/p2p\/.*$/, '')}`),
    '',
  ]
  lines.push('Store a file and fetch it again, in another terminal:', '', ...howToStore(node))
  if (key !== undefined) lines.push(...howToUseS3(url, key, region))
  if (token !== undefined)
    lines.push(
      'Let another machine join (ten times, within an hour):',
      '',
      `  ${upAgain} --join ${token}`,
    )
  else if (isAuthority) lines.push(`Let another machine join: ${program} invite`)
  return `${lines.join('\n')}\n`
}

/** With the directory, unless it is the one that commands look into anyway. */
function dataFlag(node: HoldfastNode): string {
  const { dataDirectory } = node.status()
  return dataDirectory === resolve(DEFAULT_DATA) ? '' : ` --data ${dataDirectory}`
}

const howToStore = (node: HoldfastNode): readonly string[] => [
  `  ${program} put FILE files/${dataFlag(node)}`,
  `  ${program} ls files${dataFlag(node)}`,
  `  ${program} get files/FILE${dataFlag(node)}`,
  '',
]

/** The only time that this secret is shown. */
const howToUseS3 = (
  url: string,
  { id, secret }: AccessKey,
  region = 'us-east-1',
): readonly string[] => [
  'Or with any program that speaks S3, at the same address (this secret is shown only now):',
  '',
  `  export AWS_ACCESS_KEY_ID=${id} AWS_SECRET_ACCESS_KEY=${secret}`,
  `  export AWS_ENDPOINT_URL=${url} AWS_DEFAULT_REGION=${region}`,
  '  aws s3 ls',
  '',
]

const isSet = (settings: Settings, key: 'mdns'): boolean =>
  parseChoice(key, settings[key] ?? 'false', booleans) === 'true'

function portIn(settings: Settings, key: 'lane-port' | 'wire-port'): number | undefined {
  const text = settings[key]
  return text === undefined ? undefined : parsePort(key, text)
}

/** Names below which a bucket is a host, and a website. */
const addressesIn = (settings: Settings) => ({
  domains: domainsIn(settings['s3-domain']),
  websiteDomains: domainsIn(settings['website-domain']),
})

/** Separated by commas. */
const domainsIn = (text: string | undefined): readonly string[] | undefined =>
  text?.split(',').map(domain => domain.trim().toLowerCase())

const say = (text: string): Promise<void> =>
  new Promise((done, fail) => {
    process.stdout.write(`${text}\n`, error => (error ? fail(error) : done()))
  })
