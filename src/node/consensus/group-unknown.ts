import { HoldfastError } from '../../base/errors.ts'

export function groupUnknown(group: number): HoldfastError {
  const details = { code: 'GROUP_UNKNOWN', group } as const
  return new HoldfastError(`Cannot find group ${group}: this peer has no such replica`, details)
}
