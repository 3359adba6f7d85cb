import assert from 'node:assert/strict'
import { test } from 'node:test'

import { concat, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import {
  DATAGRAM_BYTES_MAX,
  type Network,
  REQUEST_BYTES_MAX,
  STREAM_WINDOW_BYTES_MAX,
  type Timers,
} from '../../src/base/environment.ts'
import { codeOf, HoldfastError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/waiting.ts'
import { rejectsWith } from '../support/expect.ts'

/** Two peers that can reach each other, and a third that nobody runs. */
export interface Pair {
  readonly a: Network
  readonly b: Network
  readonly nobody: string
  readonly timers: Timers
  /** Ends b's process. */
  readonly killB: () => void
}

export type WithPair = (body: (pair: Pair) => Promise<void>) => Promise<void>

const echo = (_from: string, body: Uint8Array): Promise<Uint8Array> => Promise.resolve(body)
/** Lets time pass until it holds, or long enough for any network. */
async function until(timers: Timers, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 300 && !holds(); turn++) await sleep(timers, 100)
}
const never = (): Promise<never> => new Promise(() => undefined)

/** What every `Network` does, real or simulated. */
export function acceptNetwork(world: string, withPair: WithPair): void {
  const accept = (sentence: string, body: (pair: Pair) => Promise<void>): void => {
    test(`${world} network: ${sentence}`, () => withPair(body))
  }

  accept('a datagram arrives with its sender', async ({ a, b }) => {
    const arrived = new Promise<string>(resolve => {
      b.onDatagram('ping', (from, bytes) => resolve(`${from} ${toUtf8(bytes)}`))
    })
    a.sendDatagram(b.self, 'ping', fromUtf8('hello'))
    assert.equal(await arrived, `${a.self} hello`)
  })

  accept('while a datagram waits, a newer one of its kind replaces it', async pair => {
    const { a, b, timers } = pair
    const seen: string[] = []
    for (const kind of ['x', 'y']) b.onDatagram(kind, (_, bytes) => seen.push(kind + toUtf8(bytes)))
    for (const text of ['1', '2', '3']) {
      a.sendDatagram(b.self, 'x', fromUtf8(text))
      a.sendDatagram(b.self, 'y', fromUtf8(text))
    }
    await until(timers, () => seen.length >= 2)
    await sleep(timers, 1_000)
    assert.deepEqual(seen.toSorted(), ['x3', 'y3'])
  })

  accept('datagrams to nobody, or of no interest, are lost in silence', async pair => {
    const { a, b, nobody, timers } = pair
    a.sendDatagram(nobody, 'x', Uint8Array.of(1))
    a.sendDatagram(b.self, 'nobody listens', Uint8Array.of(1))
    await sleep(timers, 10_000)
    assert.throws(
      () => a.sendDatagram(b.self, 'x', new Uint8Array(DATAGRAM_BYTES_MAX + 1)),
      RangeError,
    )
  })

  accept('a request is answered', async ({ a, b }) => {
    b.onRequest('echo', async (from, body) => concat([fromUtf8(`${from}:`), body]))
    const request = { body: fromUtf8('hi'), deadlineMs: 5_000 }
    assert.equal(toUtf8(await a.request(b.self, 'echo', request)), `${a.self}:hi`)
  })

  accept('many requests are answered at once, each with its own', async ({ a, b }) => {
    b.onRequest('echo', echo)
    const numbers = Array.from({ length: 100 }, (_, at) => String(at))
    const answers = await Promise.all(
      numbers.map(text => a.request(b.self, 'echo', { body: fromUtf8(text), deadlineMs: 9_000 })),
    )
    assert.deepEqual(answers.map(toUtf8), numbers)
  })

  accept("a handler's failure travels with its code", async ({ a, b }) => {
    const request = { body: new Uint8Array(), deadlineMs: 5_000 }
    b.onRequest('full', async () => {
      throw new HoldfastError('no', { code: 'DISK_FULL', path: 'x' })
    })
    b.onRequest('bug', async () => {
      throw new Error('oops')
    })
    await rejectsWith('DISK_FULL', a.request(b.self, 'full', request))
    await rejectsWith('PEER_FAILED', a.request(b.self, 'bug', request))
    await rejectsWith('PROTOCOL_UNKNOWN', a.request(b.self, 'unheard of', request))
  })

  accept('a request to nobody fails', async ({ a, nobody }) => {
    const request = { body: new Uint8Array(), deadlineMs: 60_000 }
    await rejectsWith('PEER_UNREACHABLE', a.request(nobody, 'echo', request))
  })

  accept('a deadline ends the wait, and the handler hears of it', async ({ a, b, timers }) => {
    let wasAborted = false
    b.onRequest('slow', (_from, _body, signal) => {
      signal.addEventListener('abort', () => {
        wasAborted = true
      })
      return never()
    })
    const request = { body: new Uint8Array(), deadlineMs: 300 }
    await rejectsWith('TIMEOUT', a.request(b.self, 'slow', request))
    await until(timers, () => wasAborted)
    assert.ok(wasAborted)
  })

  accept('an aborted request ends with the reason', async ({ a, b, timers }) => {
    b.onRequest('slow', never)
    const controller = new AbortController()
    const request = { body: new Uint8Array(), deadlineMs: 60_000, signal: controller.signal }
    const answer = a.request(b.self, 'slow', request)
    const refusal = assert.rejects(answer, /enough/)
    await sleep(timers, 200)
    controller.abort(new Error('enough'))
    await refusal
    await assert.rejects(a.request(b.self, 'slow', request), /enough/)
  })

  accept('bodies have a bound', async ({ a, b }) => {
    b.onRequest('echo', echo)
    b.onRequest('shout', async () => new Uint8Array(REQUEST_BYTES_MAX + 1))
    const body = new Uint8Array(REQUEST_BYTES_MAX)
    const answer = await a.request(b.self, 'echo', { body, deadlineMs: 60_000 })
    assert.equal(answer.length, REQUEST_BYTES_MAX)
    const tooLarge = { body: new Uint8Array(REQUEST_BYTES_MAX + 1), deadlineMs: 60_000 }
    await rejectsWith('TOO_LARGE', a.request(b.self, 'echo', tooLarge))
    const small = { body: new Uint8Array(), deadlineMs: 60_000 }
    await rejectsWith('TOO_LARGE', a.request(b.self, 'shout', small))
  })

  accept('a protocol has bounds of its own, and the excess is refused', async pair => {
    const { a, b, timers } = pair
    const held: (() => void)[] = []
    const hold = (_from: string, body: Uint8Array): Promise<Uint8Array> =>
      new Promise(resolve => held.push(() => resolve(body)))
    b.onRequest('hold', hold, { concurrentMax: 3, bodyBytesMax: 10 })
    b.onRequest('echo', echo)
    const request = { body: new Uint8Array(10), deadlineMs: 30_000 }
    const answers = Array.from({ length: 8 }, () =>
      a.request(b.self, 'hold', request).then(
        () => 'answered',
        error => String(codeOf(error)),
      ),
    )
    await until(timers, () => held.length === 3)
    const large = { body: new Uint8Array(11), deadlineMs: 30_000 }
    await rejectsWith('TOO_LARGE', a.request(b.self, 'hold', large))
    assert.equal((await a.request(b.self, 'echo', request)).length, 10)
    for (const letGo of held) letGo()
    const outcomes = await Promise.all(answers)
    assert.deepEqual(outcomes.toSorted(), [
      ...Array.from({ length: 5 }, () => 'BUSY'),
      ...Array.from({ length: 3 }, () => 'answered'),
    ])
  })

  accept('a peer that dies takes its unanswered requests with it', async pair => {
    const { a, b, timers } = pair
    b.onRequest('slow', never)
    const answer = a.request(b.self, 'slow', { body: new Uint8Array(), deadlineMs: 60_000 })
    const refusal = rejectsWith('PEER_UNREACHABLE', answer)
    await sleep(timers, 500)
    pair.killB()
    await refusal
    const request = { body: new Uint8Array(), deadlineMs: 60_000 }
    await rejectsWith('PEER_UNREACHABLE', a.request(b.self, 'slow', request))
  })

  accept('both sides hear of a connection and of its end', async pair => {
    const { a, b, timers } = pair
    const before = a.connected().length === 0 ? [`${b.self} up`] : []
    const changes: string[] = []
    a.onPeer(({ peer, state }) => changes.push(`${peer} ${state}`))
    b.onRequest('echo', echo)
    await a.request(b.self, 'echo', { body: new Uint8Array(), deadlineMs: 5_000 })
    assert.deepEqual(a.connected(), [b.self])
    assert.deepEqual(b.connected(), [a.self])
    pair.killB()
    await until(timers, () => a.connected().length === 0)
    assert.deepEqual(changes, [...before, `${b.self} down`])
    assert.deepEqual(a.connected(), [])
  })

  accept('a stream brings everything, in order, both ways', async ({ a, b }) => {
    b.onStream('double', (_from, stream) => {
      void (async () => {
        for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
          await stream.write(bytes.map(byte => byte * 2))
        }
        stream.end()
      })()
    })
    const stream = await a.openStream(b.self, 'double')
    const sent = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 100)
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 70_000) {
        await stream.write(sent.slice(at, at + 70_000))
      }
      stream.end()
    })()
    const parts: Uint8Array[] = []
    for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
      parts.push(bytes)
    }
    await writing
    assert.deepEqual(
      concat(parts),
      sent.map(byte => byte * 2),
    )
    await assert.rejects(stream.write(Uint8Array.of(1)), RangeError)
  })

  accept('a writer waits for a reader that does not read', async ({ a, b, timers }) => {
    b.onStream('sink', () => undefined)
    const stream = await a.openStream(b.self, 'sink')
    let writtenBytes = 0
    void (async () => {
      for (;;) {
        await stream.write(new Uint8Array(65_536))
        writtenBytes += 65_536
      }
    })().catch(() => undefined)
    await sleep(timers, 5_000)
    assert.ok(writtenBytes > 0 && writtenBytes <= STREAM_WINDOW_BYTES_MAX, `${writtenBytes} bytes`)
    stream.abort(new Error('done'))
  })

  accept('an aborted stream is broken at both ends', async ({ a, b, timers }) => {
    const other = new Promise<unknown>(resolve => {
      b.onStream('sink', (_from, stream) => {
        stream
          .read()
          .then(() => stream.read(), resolve)
          .then(resolve, resolve)
      })
    })
    const stream = await a.openStream(b.self, 'sink')
    await stream.write(Uint8Array.of(1))
    await sleep(timers, 200)
    stream.abort(new Error('broken off'))
    assert.match(String(await other), /broken off/)
    await assert.rejects(stream.read(), /broken off/)
    await assert.rejects(stream.write(Uint8Array.of(1)), /broken off/)
  })

  accept('a stream that nobody serves is refused', async ({ a, b, nobody }) => {
    await assert.rejects(a.openStream(b.self, 'unheard of'))
    await rejectsWith('PEER_UNREACHABLE', a.openStream(nobody, 'sink'))
  })
}
