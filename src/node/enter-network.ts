import type { Environment, PeerId } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { sleep } from '../base/waiting.ts'
import type { Invite } from './admission/invite.ts'
import type { Welcome } from './admission/join-messages.ts'
import { joinNetwork } from './admission/join-network.ts'
import type { Log } from './log.ts'
import type { PeerHost } from './machine.ts'

/** How long a newcomer goes on trying to get in. */
const JOIN_MS = 60_000
/** Pauses between attempts, times 0.5 to 1.5; they grow. */
const PAUSE_FIRST_MS = 150
const PAUSE_LAST_MS = 3000

/**
 * Joins with an invite; goes on trying while the host cannot be reached or has too much to do.
 * @throws {HoldfastError} `JOIN_REFUSED`; `PEER_UNREACHABLE` and the like if it was all in vain
 */
export async function enterNetwork(
  host: PeerHost,
  invite: Invite,
  {
    environment,
    zone,
    log,
    signal,
  }: {
    environment: Pick<Environment, 'clock' | 'timers' | 'random'>
    zone: string
    log: Log
    signal: AbortSignal
  },
): Promise<Welcome> {
  const { clock, timers, random } = environment
  const endMs = clock.monotonicMs() + JOIN_MS
  host.learn(invite.host, invite.addresses)
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_LAST_MS)) {
    try {
      const welcome = await joinNetwork(host, invite, zone, signal)
      // What was refused to a stranger is only asked for again on a new connection.
      await host.disconnect(invite.host)
      return welcome
    } catch (error) {
      signal.throwIfAborted()
      if (!isWorthAnother(error)) throw error
      if (clock.monotonicMs() > endMs) throw inVain(invite.host, invite.addresses, error)
      log.info('not let in yet', { host: invite.host, reason: (error as Error).message })
      // After a refused stream nothing can be had on this connection.
      await host.disconnect(invite.host)
    }
    await sleep(timers, pauseMs * (0.5 + random.float()), signal)
  }
}

const passing = ['PEER_UNREACHABLE', 'TIMEOUT', 'BUSY', 'NOT_AUTHORISED']

function isWorthAnother(error: unknown): boolean {
  const code = codeOf(error)
  if (code === 'JOIN_REFUSED') {
    const { details } = error as HoldfastError
    return details.code === 'JOIN_REFUSED' && details.reason === 'too-many-attempts'
  }
  // One that founds together with others speaks of joining only when it has done so.
  return [...passing, 'PROTOCOL_UNKNOWN'].includes(code ?? '')
}

const inVain = (peer: PeerId, addresses: readonly string[], cause: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot join: no answer from ${peer} at ${addresses.join(' or ')} ` +
      `(${(cause as Error).message})`,
    { code: 'PEER_UNREACHABLE', peer },
    { cause },
  )
