import type { Timer, Timers } from '../../base/environment.ts'
import type { FragmentStore } from '../../storage/fragment-store.ts'
import type { MembershipService } from '../membership/membership-service.ts'

/** How full a fragment store is, by its own word. */
export type Space = FragmentStore['usage']

const TELL_EVERY_MS = 1_000

/** The same as others are told it. One that takes nothing more has no room. */
export const spaceOf = ({
  usedBytes,
  limitBytes,
  isReadonly,
}: Omit<Space, 'fragments'>): { usedBytes: number; freeBytes: number } => ({
  usedBytes,
  freeBytes: isReadonly ? 0 : Math.max(0, limitBytes - usedBytes),
})

/** Has the probes of membership say how much room there is here; returns what ends that. */
export function tellSpace(
  usage: () => Space,
  { membership, timers }: { membership: Pick<MembershipService, 'setVitals'>; timers: Timers },
): () => void {
  let timer: Timer | undefined
  const tell = (): void => {
    membership.setVitals(spaceOf(usage()))
    timer = timers.after(TELL_EVERY_MS, tell)
  }
  tell()
  return () => timer?.cancel()
}
