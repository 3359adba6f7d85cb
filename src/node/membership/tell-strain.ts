import type { Clock, Timer, Timers } from '../../base/environment.ts'
import { RecentTimes } from '../../base/recent-times.ts'
import type { MembershipService } from './membership-service.ts'

/** A look at the event loop: how much later than asked for is it back? */
const LOOK_EVERY_MS = 250
/** Looks between two words to the others. */
const TELL_EVERY = 8
const SHARE = 0.99

export interface StrainOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly membership: Pick<MembershipService, 'setVitals'>
}

/** How hard it is for this peer to keep up, as others are to know who choose voters. */
export interface Strain {
  /** The log has waited so long for its disk. */
  readonly synced: (tookMs: number) => void
  readonly stop: () => void
}

/** Has the probes of membership say how late the event loop and the log's disk have been lately. */
export function tellStrain({ clock, timers, membership }: StrainOptions): Strain {
  const lags = new RecentTimes()
  const syncs = new RecentTimes()
  let looks = 0
  let dueMs = clock.monotonicMs() + LOOK_EVERY_MS
  let timer: Timer
  const look = (): void => {
    const nowMs = clock.monotonicMs()
    lags.add(Math.max(0, nowMs - dueMs), nowMs)
    if (++looks % TELL_EVERY === 0) {
      const [loopLagMs, diskSyncMs] = [lags, syncs].map(times => times.quantile(SHARE, nowMs))
      membership.setVitals({ loopLagMs: loopLagMs ?? 0, diskSyncMs: diskSyncMs ?? 0 })
    }
    dueMs = nowMs + LOOK_EVERY_MS
    timer = timers.after(LOOK_EVERY_MS, look)
  }
  timer = timers.after(LOOK_EVERY_MS, look)
  return {
    synced: tookMs => syncs.add(tookMs, clock.monotonicMs()),
    stop: () => timer.cancel(),
  }
}
