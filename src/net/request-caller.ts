import { toUtf8 } from '../base/bytes.ts'
import type { OutgoingRequest, PeerId, Timers } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { busy, failureFromText, malformed, timedOut, unreachable } from './failures.ts'
import type { FlowMeter } from './flow-meter.ts'
import { FrameReader } from './frame-reader.ts'
import { OUTBOX_BYTES_MAX } from './limits.ts'
import type { Links } from './links.ts'
import { Outbox } from './outbox.ts'
import type { Pipe } from './pipe.ts'
import type { Refusals } from './refusals.ts'
import { decodeRequestFrame, encodeRequestFrame, FRAME_OVERHEAD_BYTES } from './request-frames.ts'

export interface RequestCallerOptions {
  readonly links: Links
  readonly protocol: string
  readonly bodyBytesMax: number
  readonly timers: Timers
  readonly refusals: Refusals
  readonly flow: FlowMeter
}

interface Call {
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** The pipe our questions to one peer go out on, and those it has yet to answer. */
interface Line {
  readonly pipe: Pipe
  readonly outbox: Outbox
  readonly calls: Map<number, Call>
  lastId: number
  /** New questions go another way; it ends with its last answer. */
  isRetired: boolean
}

/**
 * Our side of requests: one pipe per peer, opened for the first question and again after a loss.
 * Whatever becomes of a question, it is answered once, at its deadline at the latest.
 */
export class RequestCaller {
  readonly #options: RequestCallerOptions
  readonly #lines = new Map<PeerId, Promise<Line>>()

  constructor(options: RequestCallerOptions) {
    this.#options = options
  }

  request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    const { signal, deadlineMs } = request
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      let cancel = nothing
      let isDone = false
      const finish = (): void => {
        isDone = true
        timer.cancel()
        signal?.removeEventListener('abort', abort)
      }
      const call: Call = {
        resolve: body => {
          finish()
          resolve(body)
        },
        reject: error => {
          finish()
          reject(error)
        },
      }
      const giveUp = (error: unknown): void => {
        cancel()
        call.reject(error)
      }
      const abort = (): void => giveUp(signal?.reason)
      const timer = this.#options.timers.after(deadlineMs, () =>
        giveUp(timedOut(protocol, deadlineMs)),
      )
      signal?.addEventListener('abort', abort, { once: true })
      this.#lineTo(to).then(
        line => {
          if (!isDone) cancel = this.#post(to, line, { protocol, body: request.body, call })
        },
        (error: unknown) => {
          if (!isDone) call.reject(error)
        },
      )
    })
  }

  /** Sends a question; returns how to take it back. */
  #post(
    to: PeerId,
    line: Line,
    { protocol, body, call }: { protocol: string; body: Uint8Array; call: Call },
  ): () => void {
    const { outbox, calls } = line
    if (line.pipe.isOver) {
      call.reject(unreachable(to))
      return nothing
    }
    if (outbox.waitingBytes + body.length > OUTBOX_BYTES_MAX) {
      call.reject(busy(`bytes waiting for ${to}`, OUTBOX_BYTES_MAX))
      return nothing
    }
    line.lastId = (line.lastId + 1) >>> 0
    const id = line.lastId
    calls.set(id, call)
    this.#options.flow.sentBytes += body.length
    outbox.push(encodeRequestFrame({ kind: 'request', id, protocol, body }))
    return () => {
      if (!calls.delete(id)) return
      outbox.push(encodeRequestFrame({ kind: 'cancel', id }))
      endIfDone(line)
    }
  }

  /** There is a better way to this peer now: new questions go there. */
  renew(peer: PeerId): void {
    const opening = this.#lines.get(peer)
    this.#lines.delete(peer)
    opening?.then(
      line => {
        line.isRetired = true
        endIfDone(line)
      },
      // Those who waited for it were told.
      () => undefined,
    )
  }

  #lineTo(peer: PeerId): Promise<Line> {
    const known = this.#lines.get(peer)
    if (known !== undefined) return known
    const opening: Promise<Line> = this.#open(peer, () => this.#forget(peer, opening))
    this.#lines.set(peer, opening)
    opening.catch(() => this.#forget(peer, opening))
    return opening
  }

  #forget(peer: PeerId, opening: Promise<Line>): void {
    if (this.#lines.get(peer) === opening) this.#lines.delete(peer)
  }

  async #open(peer: PeerId, forget: () => void): Promise<Line> {
    const pipe = await this.#options.links.open(peer, this.#options.protocol)
    const line: Line = {
      pipe,
      outbox: new Outbox(pipe),
      calls: new Map(),
      lastId: 0,
      isRetired: false,
    }
    const reader = new FrameReader(this.#options.bodyBytesMax + FRAME_OVERHEAD_BYTES, frame =>
      this.#receive(peer, line, frame),
    )
    pipe.onBytes(chunk => {
      try {
        reader.push(chunk)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        this.#options.refusals.refuse('malformed', peer, `answer: ${error.message}`)
        pipe.abort(error)
      }
    })
    const end = (): void => {
      forget()
      for (const { reject } of line.calls.values()) reject(unreachable(peer))
      line.calls.clear()
      pipe.abort(unreachable(peer))
    }
    pipe.onEnd(end)
    pipe.onClose(end)
    return line
  }

  #receive(peer: PeerId, line: Line, bytes: Uint8Array): void {
    const { calls } = line
    const frame = decodeRequestFrame(bytes)
    if (frame.kind !== 'answer' && frame.kind !== 'failure') throw malformed('answer: kind')
    // One that came too late belongs to nobody any more.
    const call = calls.get(frame.id)
    calls.delete(frame.id)
    this.#options.flow.receivedBytes += frame.body.length
    if (frame.kind === 'answer') call?.resolve(frame.body.slice())
    else call?.reject(failureFromText(toUtf8(frame.body), peer))
    endIfDone(line)
  }
}

function endIfDone({ isRetired, calls, pipe }: Line): void {
  if (isRetired && calls.size === 0) pipe.close()
}

const nothing = (): void => undefined
