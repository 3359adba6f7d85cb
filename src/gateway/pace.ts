import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Whoever keeps a request open must move something: a client that has let us wait for a whole
 * window and moved next to nothing meanwhile is cut off. Time that we take does not count: it is
 * waited for only while nothing of a body is left to read, or an answer does not go out.
 */
const WINDOW_MS = 30_000
const BYTES_MIN = 1024

export interface PaceOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the body may be sent yet; until then nobody waits for it. */
  readonly isInvited: () => boolean
  readonly onSlow: () => void
  /** @default 30 s */
  readonly windowMs?: number | undefined
}

/** Watches one request; returns what ends that. */
export function watchPace(options: PaceOptions): () => void {
  let before = look(options)
  const timer = setInterval(() => {
    const now = look(options)
    // Waiting at both ends, and hardly anything in between: so it has been waiting all the time.
    const isStuck = before.isWaiting && now.isWaiting && now.moved - before.moved < BYTES_MIN
    before = now
    if (isStuck) options.onSlow()
  }, options.windowMs ?? WINDOW_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function look({ request, response, isInvited }: PaceOptions): {
  readonly isWaiting: boolean
  readonly moved: number
} {
  const awaitsBody = isInvited() && !request.complete && request.readableLength === 0
  const { bytesRead, bytesWritten } = request.socket
  return {
    isWaiting: awaitsBody || response.writableNeedDrain,
    moved: bytesRead + bytesWritten,
  }
}
