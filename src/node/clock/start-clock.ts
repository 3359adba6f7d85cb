import type { Environment, PeerId, Timer } from '../../base/environment.ts'
import type { MemberBook } from '../admission/member-book.ts'
import type { Log } from '../log.ts'
import type { MembershipService } from '../membership/membership-service.ts'
import { type ClockNotice, ClockService } from './clock-service.ts'
import type { NtpPort } from './ntp-port.ts'

export interface StartClockOptions {
  readonly environment: Environment
  readonly ntp: NtpPort
  readonly asleepMs: () => number
  /** NTP servers, as `host` or `host:port`. */
  readonly servers: readonly string[]
  readonly membership: MembershipService
  /** Who may be there. */
  readonly book: MemberBook
  readonly log: Log
  readonly onNotice: (notice: ClockNotice) => void
}

/** A peer's clock among its other parts. */
export interface PeerClock {
  readonly service: ClockService
  stop(): void
}

/** So many connected members are enough to draw from: no clock is worth a new connection then. */
const NEAR_ENOUGH = 4
/** How often it is looked who is there, and the others are told how this clock is doing. */
const LOOK_EVERY_MS = 1_000

/**
 * Starts the clock of a running peer: it asks the members that are not known to be gone, and its
 * offset, bound and status go round with the probes of the membership protocol.
 */
export async function startClock(options: StartClockOptions): Promise<PeerClock> {
  const { environment, ntp, asleepMs, servers, membership, book, log, onNotice } = options
  const { network } = environment
  const present = (): readonly PeerId[] => {
    const members = book
      .records()
      .map(({ peer }) => peer)
      .filter(peer => peer !== network.self)
      .filter(peer => book.statusOf(peer).state === 'member')
      .filter(peer => !isGone(membership.peer(peer)?.state ?? 'unknown'))
    return nearest(members, network.connected())
  }
  const service = await ClockService.start({ environment, ntp, asleepMs }, { servers }, present())
  const tell = (): void => {
    const { status, offsetMs, boundMs } = service.report()
    const clock = { status, offsetUs: offsetMs * 1_000, boundUs: (boundMs ?? 0) * 1_000 }
    membership.setVitals({ clock })
  }
  let timer: Timer | undefined
  const look = (): void => {
    service.setMembers(present())
    tell()
    timer = environment.timers.after(LOOK_EVERY_MS, look)
  }
  look()
  service.onNotice(notice => {
    logNotice(log, notice)
    tell()
    onNotice(notice)
  })
  return {
    service,
    stop: () => {
      timer?.cancel()
      service.close()
    },
  }
}

/** Those who are connected, if they are enough. */
export function nearest(
  members: readonly PeerId[],
  connected: readonly PeerId[],
): readonly PeerId[] {
  const near = members.filter(peer => connected.includes(peer))
  return near.length >= NEAR_ENOUGH ? near : members
}

const isGone = (state: string): boolean => state === 'dead' || state === 'left'

function logNotice(log: Log, notice: ClockNotice): void {
  if (notice.type === 'status') log.info('clock', { from: notice.from, to: notice.to })
  else log.warn('clock disturbed', { what: notice.what })
}
