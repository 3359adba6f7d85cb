import type { NodeOptions } from '../index.ts'
import { invalid, type Settings } from './settings.ts'

/**
 * The peers to make a network with; undefined for who joins one, or makes one alone.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function whomToFoundWith(settings: Settings): NodeOptions['bootstrap'] {
  const { bootstrap, listen, join } = settings
  const expect = settings['bootstrap-expect']
  if (bootstrap === undefined && expect === undefined) return undefined
  if (bootstrap === undefined)
    throw invalid('bootstrap', 'it is the list of those who are expected, and there is none')
  if (expect === undefined || !/^\d{1,3}$/.test(expect))
    throw invalid('bootstrap-expect', 'it is the number of peers in the list')
  if (join !== undefined || settings['join-file'] !== undefined)
    throw invalid('bootstrap', 'there is an invite already, by join or join-file')
  if (listen === undefined)
    throw invalid('bootstrap', 'it needs listen, for the list says where each can be reached')
  return { expect: Number(expect), peers: bootstrap.split(',').map(each => each.trim()) }
}
