/**
 * Serves the fragments of this peer to other members. A put that is acknowledged was verified and is
 * durable; what is read was verified here, and whoever asked verifies it again. One that breaks the
 * rules, or is silent for too long, loses its stream; what the store refuses it is told with its code.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { concat } from '../../base/bytes.ts'
import type { ByteStream, Environment, PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { CELL_BYTES } from '../../erasure/layout.ts'
import type { FragmentStore } from '../../storage/fragment-store.ts'
import {
  answerOf,
  CALL,
  type CallMessage,
  decodeCall,
  decodeRead,
  encodeFound,
  encodeInfo,
  encodeOutcome,
  encodeRevealed,
  failureOf,
  malformed,
  MESSAGE_BYTES_MAX,
  type Outcome,
  PUT,
  type PutMessage,
  READ,
  type ReadMessage,
  readPut,
  REQUEST_CELLS_BYTES_MAX,
} from './fragment-messages.ts'
import { StreamReader } from './stream-reader.ts'

/** Requests of one peer in progress at once; each holds two cells at most. */
const REQUESTS_PER_PEER_MAX = 64
/** How long a peer that puts or reads may say nothing, and how long it may take to say goodbye. */
const SILENCE_MS = 30_000
const FAREWELL_MS = 5_000

type Drivers = Pick<Environment, 'network' | 'timers'>

/** Serves until the network ends. */
export function serveFragments(store: FragmentStore, { network, timers }: Drivers): void {
  const limits = { concurrentMax: REQUESTS_PER_PEER_MAX }
  network.onRequest(PUT, (_from, body, signal) => putFromRequest(store, body, signal), {
    ...limits,
    bodyBytesMax: MESSAGE_BYTES_MAX + REQUEST_CELLS_BYTES_MAX,
  })
  network.onRequest(READ, (_from, body, signal) => readForRequest(store, body, signal), {
    ...limits,
    bodyBytesMax: MESSAGE_BYTES_MAX,
  })
  network.onRequest(CALL, (_from, body) => answerCall(store, decodeCall(body)), {
    ...limits,
    bodyBytesMax: MESSAGE_BYTES_MAX,
  })
  const serve = (serveOne: typeof putFromStream) => (_from: PeerId, stream: ByteStream) => {
    const reader = new StreamReader(stream, timers, SILENCE_MS)
    serveOne(store, stream, reader).then(
      () => farewell(stream, { timers }),
      async (error: unknown) => {
        // The stream may be what failed; then there is nobody to tell.
        await stream.write(failureOf(error, network.self)).catch(() => undefined)
        await farewell(stream, { timers })
      },
    )
  }
  network.onStream(PUT, serve(putFromStream))
  network.onStream(READ, serve(readForStream))
}

async function putFromRequest(
  store: FragmentStore,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const reader = new BinaryReader(body)
  const message = readPut(reader)
  const bytes = reader.fixed(reader.remaining)
  const cells: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += CELL_BYTES)
    cells.push(bytes.subarray(at, at + CELL_BYTES))
  return encodeOutcome(await put(store, message, cells, signal))
}

async function putFromStream(
  store: FragmentStore,
  stream: ByteStream,
  reader: StreamReader,
): Promise<void> {
  const message = readPut(new BinaryReader(await reader.frame(MESSAGE_BYTES_MAX)))
  const cells = reader.pieces(message.sizeBytes, CELL_BYTES)
  await stream.write(answerOf(encodeOutcome(await put(store, message, cells))))
}

async function put(
  store: FragmentStore,
  { id, ...options }: PutMessage,
  cells: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Outcome> {
  return rangesAsMalformed(() => store.put(id, { ...options, ...(signal && { signal }) }, cells))
}

async function readForRequest(
  store: FragmentStore,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const message = decodeRead(body)
  if ((message.to - message.from) * CELL_BYTES > REQUEST_CELLS_BYTES_MAX)
    throw malformed('range of cells', 0)
  const { leaves, cells } = await readAll(store, message, signal)
  const sizeBytes = cells.reduce((sum, { length }) => sum + length, 0)
  return concat([encodeFound({ leaves, sizeBytes }), ...cells])
}

/** The size must be said before the first cell, so the fragment's is looked up. */
async function readForStream(
  store: FragmentStore,
  stream: ByteStream,
  reader: StreamReader,
): Promise<void> {
  const message = decodeRead(await reader.frame(MESSAGE_BYTES_MAX))
  const controller = new AbortController()
  // Whoever asked says nothing more; that it goes away is seen by this, and by the writes.
  stream.read().catch((error: unknown) => controller.abort(error))
  let leaves = new Uint8Array(0) as Uint8Array
  let writing: Promise<void> | undefined
  const { id, from, to } = message
  const onLeaves = (found: Uint8Array): void => void (leaves = found)
  const range = { from, to, signal: controller.signal, onLeaves }
  const sizeBytes = async (): Promise<number> => {
    const fragmentBytes = (await store.stat(message.id))?.sizeBytes ?? 0
    const end = Math.min(message.to * CELL_BYTES, fragmentBytes)
    return Math.max(0, end - message.from * CELL_BYTES)
  }
  for await (const run of mapRanges(store.readRuns(id, range))) {
    if (writing === undefined) {
      const found = { leaves: message.wantsLeaves ? leaves : leaves.subarray(0, 0) }
      writing = stream.write(answerOf(encodeFound({ ...found, sizeBytes: await sizeBytes() })))
    }
    await writing
    writing = stream.write(run)
    writing.catch(() => undefined)
  }
  await (writing ?? stream.write(answerOf(encodeFound({ leaves, sizeBytes: 0 }))))
}

async function readAll(
  store: FragmentStore,
  message: ReadMessage,
  signal: AbortSignal,
): Promise<{ leaves: Uint8Array; cells: Uint8Array[] }> {
  let leaves = new Uint8Array(0) as Uint8Array
  const cells: Uint8Array[] = []
  const onLeaves = (found: Uint8Array): void => {
    if (message.wantsLeaves) leaves = found
  }
  for await (const cell of read(store, message, { signal, onLeaves })) cells.push(cell)
  return { leaves, cells }
}

function read(
  store: FragmentStore,
  { id, from, to }: ReadMessage,
  options: { readonly signal: AbortSignal; readonly onLeaves: (leaves: Uint8Array) => void },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  return mapRanges(store.read(id, { from, to, ...options }))
}

function answerCall(store: FragmentStore, message: CallMessage): Promise<Uint8Array> {
  return rangesAsMalformed(async () => {
    switch (message.type) {
      case 'commit':
        await store.commit(message.id, message)
        return new Uint8Array(0)
      case 'release':
        await store.release(message.id, message, message.graceMs)
        return new Uint8Array(0)
      case 'stat':
        return encodeInfo(await store.stat(message.id))
      case 'prove':
        return store.prove(message.id, message.cell, message.nonce)
      case 'reveal':
        return encodeRevealed(await store.reveal(message.id, message.cell))
    }
  })
}

/** What is misuse for a caller in this process is bad input when it came from another. */
async function rangesAsMalformed<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw asMalformed(error)
  }
}

async function* mapRanges<Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  try {
    yield* items
  } catch (error) {
    throw asMalformed(error)
  }
}

const asMalformed = (error: unknown): unknown =>
  error instanceof RangeError && codeOf(error) === undefined ? malformed(error.message, 0) : error

/** Ends our half and waits a moment for the other's, lest the last words be cut off. */
async function farewell(stream: ByteStream, { timers }: Pick<Drivers, 'timers'>): Promise<void> {
  stream.end()
  const timer = timers.after(FAREWELL_MS, () => stream.abort(malformed('end', 0)))
  try {
    while ((await stream.read()) !== undefined);
  } catch {
    // It is over either way.
  } finally {
    timer.cancel()
  }
}
