import type { Bucket, Description, Retention, Version } from './records.ts'
import { insist, refuse } from './refusals.ts'

/**
 * Object lock. A version under a legal hold, or under a retention whose time is not over, cannot be
 * removed; a new version over it can always be written. A retention in compliance mode can only be
 * made longer. One in governance mode yields to whoever is allowed to bypass it, which the gateway
 * decides; what the command may do is in the command.
 */
export function demandUnlocked(
  { retention, hasLegalHold }: Version,
  { nowMs, bypassesGovernance }: { nowMs: number; bypassesGovernance: boolean },
): void {
  if (hasLegalHold) refuse({ code: 'OBJECT_LOCKED', lock: 'legal hold', untilMs: 0 })
  if (!isBinding(retention, nowMs)) return
  if (retention.mode === 'governance' && bypassesGovernance) return
  refuse({ code: 'OBJECT_LOCKED', lock: retention.mode, untilMs: retention.untilMs })
}

/** Whether it must stay, and nobody is there to say otherwise. */
export const isLocked = ({ retention, hasLegalHold }: Version, nowMs: number): boolean =>
  hasLegalHold || isBinding(retention, nowMs)

/** The retention of a version after somebody asked to set it. */
export function changedRetention(
  current: Retention | undefined,
  wanted: Retention | 'none',
  { nowMs, bypassesGovernance }: { nowMs: number; bypassesGovernance: boolean },
): Retention | undefined {
  const next = wanted === 'none' ? undefined : wanted
  insist(next === undefined || next.untilMs > nowMs, 'retention until a moment to come')
  if (!isBinding(current, nowMs)) return next
  const isLonger = next !== undefined && next.untilMs >= current.untilMs
  if (isLonger && (next.mode === current.mode || next.mode === 'compliance')) return next
  if (current.mode === 'governance' && bypassesGovernance) return next
  return refuse({ code: 'OBJECT_LOCKED', lock: current.mode, untilMs: current.untilMs })
}

/** What a new version is locked with: what its writer says, or what the bucket gives every one. */
export function newLock(
  bucket: Bucket,
  { retention, hasLegalHold }: Pick<Description, 'retention' | 'hasLegalHold'>,
  nowMs: number,
): Pick<Description, 'retention' | 'hasLegalHold'> {
  insist(bucket.hasLock || (retention === undefined && !hasLegalHold), 'bucket with object lock')
  insist(retention === undefined || retention.untilMs > nowMs, 'retention until a moment to come')
  if (retention !== undefined || bucket.retention === undefined) return { retention, hasLegalHold }
  const { mode, forMs } = bucket.retention
  return { retention: { mode, untilMs: nowMs + forMs }, hasLegalHold }
}

const isBinding = (retention: Retention | undefined, nowMs: number): retention is Retention =>
  retention !== undefined && retention.untilMs > nowMs
