import { HoldfastError } from '../base/errors.ts'

/** What was put or stored is not the fragment of that name. */
export const corrupt = (id: string, reason: string, options?: ErrorOptions): HoldfastError =>
  new HoldfastError(
    `Cannot use fragment ${id}: ${reason}`,
    { code: 'FRAGMENT_CORRUPT', id, reason },
    options,
  )

export const missing = (id: string): HoldfastError =>
  new HoldfastError(`Cannot find fragment ${id}`, { code: 'FRAGMENT_MISSING', id })

export const leaseExpired = (id: string, index: number): HoldfastError =>
  new HoldfastError(`Cannot commit fragment ${id}: reference ${index} has ended`, {
    code: 'LEASE_EXPIRED',
    id,
    index,
  })

export const wrongCellSize = (sizeBytes: number, neededBytes: number): HoldfastError =>
  new HoldfastError(`Cannot take a cell: ${sizeBytes} bytes, need ${neededBytes}`, {
    code: 'CELL_SIZE',
    sizeBytes,
    neededBytes,
  })

export const tooLarge = (what: string, size: number, limit: number): HoldfastError =>
  new HoldfastError(`Cannot store ${what}: ${size} bytes, limit ${limit}`, {
    code: 'TOO_LARGE',
    what,
    size,
    limit,
  })

export const busy = (what: string, limit: number): HoldfastError =>
  new HoldfastError(`Cannot begin: ${limit} ${what} are under way`, { code: 'BUSY', what, limit })
