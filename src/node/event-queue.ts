import { HoldfastError } from '../base/errors.ts'
import type { NodeEvent } from './views.ts'

/** How many events wait for who consumes them one by one. */
export const EVENTS_WAITING_MAX = 1000

/**
 * Events from the moment of the call on, in order and without a gap, until the signal aborts or the
 * loop over them is left.
 * @throws {HoldfastError} `BUSY` at the consumer that is `EVENTS_WAITING_MAX` events behind
 */
export function eventsOf(
  onEvent: (listener: (event: NodeEvent) => void) => () => void,
  signal?: AbortSignal,
): AsyncIterableIterator<NodeEvent> {
  const waiting: NodeEvent[] = []
  let state: 'open' | 'overrun' | 'closed' = 'open'
  let wake = Promise.withResolvers<void>()
  const end = (next: 'overrun' | 'closed'): void => {
    unlisten()
    signal?.removeEventListener('abort', close)
    if (next === 'closed') waiting.length = 0
    state = next
    wake.resolve()
  }
  const close = (): void => end('closed')
  const unlisten = onEvent(event => {
    if (waiting.push(event) > EVENTS_WAITING_MAX) end('overrun')
    wake.resolve()
  })
  signal?.addEventListener('abort', close, { once: true })
  if (signal?.aborted === true) close()

  const next = async (): Promise<IteratorResult<NodeEvent, undefined>> => {
    for (;;) {
      if (state === 'overrun') throw overrun()
      const event = waiting.shift()
      if (event !== undefined) return { done: false, value: event }
      if (state === 'closed') return { done: true, value: undefined }
      await wake.promise
      wake = Promise.withResolvers()
    }
  }
  const finish = async (): Promise<IteratorResult<NodeEvent, undefined>> => {
    close()
    return { done: true, value: undefined }
  }
  const iterator: AsyncIterableIterator<NodeEvent> = {
    next,
    return: finish,
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

const overrun = (): HoldfastError =>
  new HoldfastError(`Cannot tell of events: ${EVENTS_WAITING_MAX} wait already`, {
    code: 'BUSY',
    what: 'listener of events',
    limit: EVENTS_WAITING_MAX,
  })
