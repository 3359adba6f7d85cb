import { isIP } from 'node:net'

import { InvalidArgumentError } from 'commander'

import { invalid } from './settings.ts'

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `90s`, `30m`, `1h`, `7d` in milliseconds. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (digits === undefined || unit === undefined)
    throw new InvalidArgumentError('Give a number and a unit, as 90s, 30m, 1h or 7d.')
  return Number(digits) * units[unit as keyof typeof units]
}

export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

/**
 * A host and a port as people write them: `4800`, `:4800`, `127.0.0.1:4800`, `[::1]:4800`.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function parseHostPort(
  key: string,
  text: string,
  defaultHost: string,
): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] =
    /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535)
    throw invalid(key, `'${text}' is no host:port, as 127.0.0.1:4800`)
  return { host: bracketed ?? (plain === undefined || plain === '' ? defaultHost : plain), port }
}

/**
 * Addresses to listen at, separated by commas: multiaddrs, or host:port.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function parseListen(text: string): readonly string[] {
  return text.split(',').map(each => (each.startsWith('/') ? each : multiaddrOf(each.trim())))
}

function multiaddrOf(text: string): string {
  const { host, port } = parseHostPort('listen', text, '0.0.0.0')
  const family = isIP(host)
  if (family === 0) throw invalid('listen', `'${host}' is no IP address`)
  return `/ip${family}/${host}/tcp/${port}`
}

/**
 * Addresses that others are told, separated by commas: multiaddrs, or host:port with a name or number.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function parseAnnounce(text: string): readonly string[] {
  return text.split(',').map(each => {
    if (each.startsWith('/')) return each
    const { host, port } = parseHostPort('announce', each.trim(), '')
    const family = isIP(host)
    if (host === '') throw invalid('announce', `'${each}' has no host`)
    return `/${family === 0 ? 'dns4' : `ip${family}`}/${host}/tcp/${port}`
  })
}

/** @throws {HoldfastError} `CONFIG_INVALID` */
export function parsePort(key: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port >= 1 && port <= 65_535) return port
  throw invalid(key, `'${text}' is no port, as 4802`)
}

/**
 * NTP servers, separated by commas: host, host:port, or [v6]:port.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function parseServers(text: string): readonly string[] {
  const servers = text.split(',').map(each => each.trim())
  const wrong = servers.find(each => !/^(\[[\da-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(each))
  if (wrong === undefined && new Set(servers).size === servers.length) return servers
  throw invalid('ntp', wrong === undefined ? 'a server is named twice' : `'${wrong}' is no host`)
}

/** @throws {HoldfastError} `CONFIG_INVALID` */
export function parseChoice<Choice extends string>(
  key: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find(each => each === text)
  if (choice !== undefined) return choice
  throw invalid(key, `'${text}' is none of ${choices.join(', ')}`)
}

/** A parser of whole numbers from `least` to `most`. */
export const parseBounded =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  }

const powers = ['', 'k', 'm', 'g', 't']

/**
 * Bytes as people write them, by powers of ten, or of two with an i: `500GB`, `1.5TB`, `64GiB`.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function parseBytes(key: string, text: string): number {
  const [, digits, unit = '', binary] =
    /^(\d{1,12}(?:\.\d{1,3})?) ?([kmgt]?)(i?)b?$/i.exec(text) ?? []
  if (digits === undefined || (binary !== '' && unit === ''))
    throw invalid(key, `'${text}' is no size, as 500GB or 64GiB`)
  const power = powers.indexOf(unit.toLowerCase())
  return Math.floor(Number(digits) * (binary === '' ? 1000 : 1024) ** power)
}
