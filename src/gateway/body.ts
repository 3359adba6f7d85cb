import type { IncomingMessage } from 'node:http'

import type { Call } from './route.ts'

/** So much of a body that nobody wants is still read, and for so long. */
const DRAINED_BYTES_MAX = 1_048_576
const DRAINED_MS_MAX = 2000

/**
 * The body of a request, read as fast as it is consumed. Ending early leaves the connection whole,
 * so that an answer can still be sent; a client that goes away ends it with an error.
 */
export async function* bodyOf({ request, invite }: Call): AsyncGenerator<Uint8Array> {
  invite()
  yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
}

/**
 * Reads a little of what a client goes on sending although it is answered: one that is cut off
 * while it sends never sees the answer.
 */
export function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    let size = 0
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', count).off('end', done).off('close', done).off('error', done)
      resolve()
    }
    const count = (chunk: Uint8Array): void => {
      size += chunk.length
      if (size > DRAINED_BYTES_MAX) done()
    }
    const timer = setTimeout(done, DRAINED_MS_MAX)
    request.on('data', count).once('end', done).once('close', done).once('error', done)
    request.resume()
  })
}
