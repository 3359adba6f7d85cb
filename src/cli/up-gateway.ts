import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import type { GatewayOptions } from '../gateway/gateway.ts'
import { type Credentials, pairIn, ReloadingCredentials } from '../gateway/tls/credentials.ts'
import { CA_PURPOSE, namesHere, NetworkCa } from '../gateway/tls/network-ca.ts'
import type { HoldfastNode, Log } from '../index.ts'
import { parseChoice, parseHostPort } from './parse.ts'
import { invalid, type Settings } from './settings.ts'

const HOST = '127.0.0.1'
const PORT = 4800
/** What clients have to trust, in the data directory. */
const CA_FILE = 'gateway-ca.pem'
const booleans = ['true', 'false'] as const
const DRAIN_SECONDS_MAX = 300

type GatewaySettings = Pick<
  GatewayOptions,
  'host' | 'port' | 'mayMove' | 'accessLog' | 'metricsAreOpen' | 'drainMs'
> & { readonly host: string }

/**
 * How people reach this peer, as the settings have it.
 * @throws {HoldfastError} `CONFIG_INVALID`, also for plain HTTP that others could listen to
 */
export function gatewaySettings(settings: Settings): GatewaySettings {
  const { host, port } = parseHostPort('gateway', settings.gateway ?? String(PORT), HOST)
  if (!isLoopback(host) && !isOn(settings, 'plain-http') && !isEncrypted(settings))
    throw invalid('gateway', `${host} can be reached from outside, and this is plain HTTP`)
  const log = settings['access-log']
  return {
    host,
    port,
    mayMove: settings.gateway === undefined,
    accessLog: log === undefined ? undefined : resolve(log),
    metricsAreOpen: isOn(settings, 'open-metrics'),
    drainMs: drainMs(settings),
  }
}

/**
 * What the gateway proves itself with: the files that were given, or a certificate of the network.
 * @throws {HoldfastError} `CONFIG_INVALID`; `NO_AUTHORITY` on a storage member with `tls`
 */
export async function credentialsFor(
  node: HoldfastNode,
  settings: Settings,
  { dataDirectory, log }: { readonly dataDirectory: string; readonly log: Log },
): Promise<Credentials | undefined> {
  const { 'tls-cert': cert, 'tls-key': key } = settings
  if (cert !== undefined && key !== undefined)
    return ReloadingCredentials.open(pairIn(cert, key), log)
  if (!isOn(settings, 'tls')) return undefined
  const ca = new NetworkCa(node.deriveKey(CA_PURPOSE), node.status().network)
  await writeFile(join(dataDirectory, CA_FILE), ca.pem)
  const names = (): readonly string[] => namesHere(namesIn(settings))
  return ReloadingCredentials.open(ca.source(names, Date.now), log)
}

function isEncrypted(settings: Settings): boolean {
  const { 'tls-cert': cert, 'tls-key': key } = settings
  if ((cert === undefined) !== (key === undefined))
    throw invalid(cert === undefined ? 'tls-cert' : 'tls-key', 'certificate and key go together')
  if (cert !== undefined && isOn(settings, 'tls'))
    throw invalid('tls', 'the certificate is either given or made')
  return cert !== undefined || isOn(settings, 'tls')
}

const split = (text: string): string[] =>
  text.split(',').flatMap(each => (each.trim() === '' ? [] : [each.trim()]))

/** Domains below which buckets are hosts, and the names that were given. */
function namesIn({ 's3-domain': domains = '', 'tls-names': names = '' }: Settings): string[] {
  return [...split(names), ...split(domains).flatMap(domain => [domain, `*.${domain}`])]
}

function drainMs({ drain }: Settings): number {
  const seconds = Number(drain ?? 0)
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= DRAIN_SECONDS_MAX)
    return seconds * 1_000
  throw invalid('drain', `seconds, 0 to ${DRAIN_SECONDS_MAX}`)
}

const isOn = (settings: Settings, name: 'plain-http' | 'open-metrics' | 'tls'): boolean =>
  parseChoice(name, settings[name] ?? 'false', booleans) === 'true'

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
