import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { parse } from 'smol-toml'

import { type Failure, HoldfastError } from '../base/errors.ts'

/** What `up` can be told, by flag, environment or file. All as text, as people write it. */
export const settingNames = [
  'data',
  'join',
  'join-file',
  'founder',
  'invite-file',
  'bootstrap',
  'bootstrap-expect',
  'listen',
  'announce',
  'lane-port',
  'wire-port',
  'gateway',
  'plain-http',
  'tls',
  'tls-cert',
  'tls-key',
  'tls-names',
  'open-metrics',
  'access-log',
  'drain',
  'ntp',
  'profile',
  'zone',
  'name',
  'capacity',
  's3-region',
  's3-domain',
  'website-domain',
  'mdns',
  'log-level',
] as const
type SettingName = (typeof settingNames)[number]
export type Settings = Readonly<Partial<Record<SettingName, string>>>

export const DEFAULT_DATA = './holdfast-data'
const FILE_NAME = 'holdfast.toml'

/**
 * Flags over `HOLDFAST_…` variables over the file `--config`, or `holdfast.toml` in the data
 * directory if it is there.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function gatherSettings(
  flags: Settings,
  environment: NodeJS.ProcessEnv,
  config: string | undefined,
): Settings {
  const told = { ...fromEnvironment(environment), ...flags }
  const path = config ?? environment['HOLDFAST_CONFIG']
  const usual = join(told.data ?? DEFAULT_DATA, FILE_NAME)
  if (path !== undefined) return { ...fromFile(path), ...told }
  return existsSync(usual) ? { ...fromFile(usual), ...told } : told
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Settings {
  const pairs = settingNames.flatMap(name => {
    const value = environment[`HOLDFAST_${name.toUpperCase().replaceAll('-', '_')}`]
    return value === undefined || value === '' ? [] : [[name, value] as const]
  })
  return Object.fromEntries(pairs)
}

function fromFile(path: string): Settings {
  const found = Object.entries(parseFile(path))
  return Object.fromEntries(found.map(([key, value]) => [checkKey(path, key), textOf(key, value)]))
}

function parseFile(path: string): Record<string, unknown> {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw invalid('config', `${path}: ${(cause as Error).message.split('\n', 1)[0]}`, cause)
  }
}

function checkKey(path: string, key: string): SettingName {
  const name = settingNames.find(each => each === key)
  if (name !== undefined) return name
  throw invalid(key, `${path} has no such key; there are: ${settingNames.join(', ')}`)
}

function textOf(key: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return value.join(',')
  throw invalid(key, 'it is a string, a number, true or false, or a list of strings')
}

export function invalid(key: string, reason: string, cause?: unknown): HoldfastError {
  const details: Failure = { code: 'CONFIG_INVALID', key, reason }
  return new HoldfastError(`Cannot use ${key}: ${reason}`, details, { cause })
}
