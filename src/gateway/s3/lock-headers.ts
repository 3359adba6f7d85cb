import type { ObjectInfo, ObjectSettings, Retention } from '../../node/store/store.ts'
import { headerOf, type S3Call } from './s3-call.ts'
import { invalidArgument, S3Error } from './s3-error.ts'

const MODE = 'x-amz-object-lock-mode'
const UNTIL = 'x-amz-object-lock-retain-until-date'
const HOLD = 'x-amz-object-lock-legal-hold'

/** How a new object is locked, by the headers of its request. @throws {S3Error} `InvalidArgument` */
export function lockIn(call: S3Call): Pick<ObjectSettings, 'retention' | 'hasLegalHold'> {
  const [mode, until, hold] = [MODE, UNTIL, HOLD].map(name => headerOf(call, name))
  if ((mode === undefined) !== (until === undefined))
    throw new S3Error('InvalidArgument', `${MODE} and ${UNTIL} must both be supplied`)
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF')
    throw invalidArgument(HOLD, hold, 'Legal Hold must be either of "ON" or "OFF"')
  return {
    retention: mode === undefined ? undefined : retentionOf(mode, until ?? '', call.nowMs),
    hasLegalHold: hold === 'ON',
  }
}

/** @throws {S3Error} `InvalidArgument` */
export function retentionOf(mode: string, until: string, nowMs: number): Retention {
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE')
    throw invalidArgument(MODE, mode, 'Unknown wormMode directive')
  const ms = Date.parse(until)
  if (Number.isNaN(ms))
    throw invalidArgument(UNTIL, until, 'The retain until date must be provided in ISO 8601 format')
  if (ms <= nowMs)
    throw invalidArgument(UNTIL, until, 'The retain until date must be in the future!')
  return { mode: mode === 'GOVERNANCE' ? 'governance' : 'compliance', until: new Date(ms) }
}

export const lockHeaders = ({
  retention,
  hasLegalHold,
}: Pick<ObjectInfo, 'retention' | 'hasLegalHold'>): Record<string, string> => ({
  ...(retention && {
    [MODE]: retention.mode.toUpperCase(),
    [UNTIL]: retention.until.toISOString(),
  }),
  ...(hasLegalHold && { [HOLD]: 'ON' }),
})

/** Who asks to go past a governance lock must be allowed to. */
export async function bypassesGovernance(
  call: S3Call,
  bucket: string,
  key: string,
): Promise<boolean> {
  if (headerOf(call, 'x-amz-bypass-governance-retention')?.toLowerCase() !== 'true') return false
  await call.demand('s3:BypassGovernanceRetention', bucket, key)
  return true
}
