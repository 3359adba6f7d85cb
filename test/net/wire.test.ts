import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { concat, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { WIRE_BACKLOG_BYTES, WIRE_PIPES_MAX } from '../../src/net/limits.ts'
import type { Pipe } from '../../src/net/pipe.ts'
import { putWireHeader, WIRE_HEADER_BYTES } from '../../src/net/wire/wire-frames.ts'
import { Wire, type WireSocket } from '../../src/net/wire/wire.ts'

type Listeners = Record<'data' | 'drain' | 'close' | 'end' | 'error', ((value: never) => void)[]>

/** A socket that keeps what it is given until it is told to let it through. */
class HeldSocket implements WireSocket {
  readonly #listeners: Listeners = { data: [], drain: [], close: [], end: [], error: [] }
  readonly written: Uint8Array[] = []
  isDestroyed = false

  get writableLength(): number {
    return this.written.reduce((sum, { length }) => sum + length, 0)
  }

  on(event: keyof Listeners, listener: (value: never) => void): void {
    this.#listeners[event].push(listener)
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes)
    return this.writableLength < 65_536
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    this.isDestroyed = true
  }

  emit(event: keyof Listeners, value?: unknown): void {
    for (const listener of this.#listeners[event]) listener(value as never)
  }

  /** What was written, which now has left. */
  take(): Uint8Array {
    const bytes = concat(this.written.splice(0))
    this.emit('drain')
    return bytes
  }
}

interface End {
  readonly socket: HeldSocket
  readonly wire: Wire
  readonly pipes: { readonly pipe: Pipe; readonly protocol: string }[]
  readonly misuses: string[]
  closed: number
}

function end(isOurs: boolean): End {
  const socket = new HeldSocket()
  const pipes: End['pipes'] = []
  const misuses: string[] = []
  const wire = new Wire({
    peer: 'other',
    socket,
    isOurs,
    onPipe: (pipe, protocol) => pipes.push({ pipe, protocol }),
    onMisuse: ({ message }) => misuses.push(message),
    onClosed: () => (made.closed += 1),
  })
  const made: End = { socket, wire, pipes, misuses, closed: 0 }
  return made
}

/** Lets this turn end. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Carries what waits from one end to the other, in pieces of these sizes. */
async function carry(from: End, to: End, sizes: readonly number[] = [1_000_000]): Promise<void> {
  await turn()
  const bytes = from.socket.take()
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece % sizes.length] as number
    to.socket.emit('data', bytes.subarray(at, at + size))
    at += size
  }
}

const textOf = (pipe: Pipe): string[] => {
  const seen: string[] = []
  pipe.onBytes(bytes => seen.push(toUtf8(bytes)))
  return seen
}

test('pipes of one wire bring each its own bytes, in order, however the socket cuts them', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(2), fc.uint8Array({ minLength: 1, maxLength: 300 })), {
        maxLength: 20,
      }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      async (sent, sizes) => {
        const [a, b] = [end(true), end(false)]
        const ours = ['x', 'y', 'z'].map(protocol => a.wire.open(protocol))
        const got = [0, 1, 2].map((): Uint8Array[] => [])
        await carry(a, b, sizes)
        assert.deepEqual(
          b.pipes.map(({ protocol }) => protocol),
          ['x', 'y', 'z'],
        )
        for (const [at, { pipe }] of b.pipes.entries()) {
          pipe.onBytes(bytes => got[at]?.push(bytes.slice()))
        }
        for (const [at, bytes] of sent) ours[at]?.send(bytes)
        await carry(a, b, sizes)
        for (const at of [0, 1, 2]) {
          const expected = sent.filter(([pipe]) => pipe === at).map(([, bytes]) => bytes)
          assert.deepEqual(concat(got[at] ?? []), concat(expected))
        }
      },
    ),
  ))

test('what all pipes send in one turn leaves in one piece', async () => {
  const { wire, socket } = end(true)
  const [one, two] = [wire.open('x'), wire.open('y')]
  one.send(fromUtf8('1'))
  void Promise.resolve().then(() => two.send(fromUtf8('2')))
  await turn()
  assert.equal(socket.written.length, 1)
})

test('both sides open pipes, whose numbers never meet', async () => {
  const [a, b] = [end(true), end(false)]
  const fromA = textOf(b.wire.open('from b'))
  const opened = a.wire.open('from a')
  await carry(a, b)
  await carry(b, a)
  a.pipes[0]?.pipe.send(fromUtf8('answer'))
  await carry(a, b)
  assert.deepEqual(fromA, ['answer'])
  assert.equal(opened.isOver, false)
})

test('a pipe ends when both sides have closed it', async () => {
  const [a, b] = [end(true), end(false)]
  const ours = a.wire.open('x')
  await carry(a, b)
  const theirs = b.pipes[0]?.pipe as Pipe
  let ended = 0
  theirs.onEnd(() => (ended += 1))
  ours.close()
  await carry(a, b)
  assert.deepEqual([ended, theirs.isWritable, theirs.isOver], [1, true, false])
  theirs.send(fromUtf8('last'))
  theirs.close()
  const seen = textOf(ours)
  await carry(b, a)
  assert.deepEqual([seen, ours.isOver, theirs.isOver], [['last'], true, true])
})

test('a pipe that is broken off is over at both ends, and later bytes of it are nobody’s', async () => {
  const [a, b] = [end(true), end(false)]
  const ours = a.wire.open('x')
  await carry(a, b)
  const theirs = b.pipes[0]?.pipe as Pipe
  let closed = 0
  theirs.onClose(() => (closed += 1))
  theirs.send(fromUtf8('on its way'))
  ours.abort(new Error('no more'))
  await carry(a, b)
  await carry(b, a)
  assert.deepEqual([closed, ours.isOver, theirs.isOver], [1, true, true])
  assert.deepEqual([a.misuses, b.misuses], [[], []])
})

test('who can wait is told to, and told when there is room again', async () => {
  const { wire, socket } = end(true)
  const pipe = wire.open('x')
  let drained = 0
  pipe.onDrain(() => (drained += 1))
  pipe.send(new Uint8Array(WIRE_BACKLOG_BYTES + 1))
  assert.equal(pipe.isFull, true)
  await turn()
  assert.deepEqual([pipe.isFull, drained], [true, 0])
  socket.take()
  assert.deepEqual([pipe.isFull, drained], [false, 1])
})

test('a backlog that leaves at once is told of as well', async () => {
  const { wire, socket } = end(true)
  // A socket without a memory of its own, which so never says that it has room again.
  Object.defineProperty(socket, 'writableLength', { value: 0 })
  const pipe = wire.open('x')
  let drained = 0
  pipe.onDrain(() => (drained += 1))
  pipe.send(new Uint8Array(WIRE_BACKLOG_BYTES + 1))
  assert.equal(pipe.isFull, true)
  await turn()
  assert.equal(drained, 1)
})

test('a socket that is lost takes its pipes with it, once', () => {
  const { wire, socket, ...rest } = end(true)
  const pipe = wire.open('x')
  let closed = 0
  pipe.onClose(() => (closed += 1))
  socket.emit('error', new Error('reset'))
  socket.emit('close')
  socket.emit('close')
  assert.deepEqual([closed, pipe.isOver, wire.isClosed], [1, true, true])
  assert.ok(rest.misuses.length === 0)
})

test('whoever asks about a pipe that is over is told at once', async () => {
  const { wire } = end(true)
  const pipe = wire.open('x')
  wire.destroy()
  let closed = 0
  pipe.onClose(() => (closed += 1))
  await turn()
  assert.equal(closed, 1)
})

test('more pipes than a wire has are refused', async () => {
  const [a, b] = [end(true), end(false)]
  const ours = Array.from({ length: WIRE_PIPES_MAX + 1 }, (_, at) => a.wire.open(`${at}`))
  await carry(a, b)
  await carry(b, a)
  assert.equal(b.pipes.length, WIRE_PIPES_MAX)
  assert.deepEqual(ours.map(({ isOver }) => isOver).lastIndexOf(false), WIRE_PIPES_MAX - 1)
})

const frame = (kind: number, pipe: number, body: Uint8Array, length = body.length): Uint8Array => {
  const bytes = new Uint8Array(WIRE_HEADER_BYTES + body.length)
  putWireHeader(new DataView(bytes.buffer), 0, { kind: 'open', pipe, length })
  bytes[0] = kind
  bytes.set(body, WIRE_HEADER_BYTES)
  return bytes
}
const [OPEN, DATA, END, RESET] = [1, 2, 3, 4]
const name = fromUtf8('x')

const misuses: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ['an unknown kind', [frame(9, 1, name)]],
  ['a pipe of the wrong side', [frame(OPEN, 2, name)]],
  ['a pipe opened twice', [frame(OPEN, 1, name), frame(OPEN, 1, name)]],
  ['a name without end', [frame(OPEN, 1, name, 2 ** 31)]],
  ['an end with a payload', [frame(OPEN, 1, name), frame(END, 1, name)]],
  ['a reset with a payload', [frame(OPEN, 1, name), frame(RESET, 1, name)]],
  [
    'two ends',
    [frame(OPEN, 1, name), frame(END, 1, new Uint8Array()), frame(END, 1, new Uint8Array())],
  ],
  [
    'data behind the end',
    [frame(OPEN, 1, name), frame(END, 1, new Uint8Array()), frame(DATA, 1, name)],
  ],
]
for (const [what, frames] of misuses) {
  test(`${what} closes the wire`, () => {
    const called = end(false)
    for (const bytes of frames) called.socket.emit('data', bytes)
    assert.equal(called.misuses.length, 1)
    assert.deepEqual([called.socket.isDestroyed, called.closed], [true, 1])
    // Nothing that follows is read.
    called.socket.emit('data', frame(OPEN, 3, name))
    assert.ok(called.pipes.length <= 1)
  })
}

test('whatever bytes come, they are frames or close the wire', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), chunks => {
      const called = end(false)
      for (const chunk of chunks) called.socket.emit('data', chunk)
      assert.equal(called.wire.isClosed, called.misuses.length > 0)
    }),
  )
})
