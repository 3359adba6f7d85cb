import { hostname } from 'node:os'

import { HoldfastError } from '../base/errors.ts'
import { checkDefinition } from '../consensus/application/check-definition.ts'
import { isZone, ZONE_BYTES_MAX } from './admission/member-record.ts'
import type { HoldfastNode } from './create-node.ts'
import { checkAnnounce } from './listen-addresses.ts'
import { silentLog } from './log.ts'
import type { Machine } from './machine.ts'
import { checkNames } from './machines/machine-names.ts'
import type { NodeOptions } from './node-options.ts'
import { fittingName } from './peer-note.ts'
import { Peer } from './peer.ts'
import { rangeCalls } from './range-views.ts'

/**
 * `createNode` on another machine than the one this process runs on. Apart from it, so that the types
 * of the public API need none of the network's packages.
 */
export function createNodeOn(machine: Machine, options: NodeOptions): HoldfastNode {
  const { name = hostname(), zone = '', machines = {}, log = silentLog } = options
  if (!isZone(zone)) throw zoneTooLong()
  checkAnnounce(options.announce ?? [])
  checkNames(Object.keys(machines))
  for (const each of Object.values(machines)) checkDefinition(each)
  const peer = new Peer({ ...options, name: fittingName(name), zone, log }, machine)
  const ranges = rangeCalls(() => peer.catalogRanges())
  return Object.assign(peer, peer.faces(), ranges)
}

function zoneTooLong(): HoldfastError {
  const reason = `it has at most ${ZONE_BYTES_MAX} bytes`
  return new HoldfastError(`Cannot use zone: ${reason}`, {
    code: 'CONFIG_INVALID',
    key: 'zone',
    reason,
  })
}
