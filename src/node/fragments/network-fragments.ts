/**
 * `FragmentPeers` over the network and the own store. What fits into a request goes by one; more goes
 * by a stream, whose answer may come before all of it was sent: then nothing more is sent. No call
 * waits without a deadline, and a put that is not taken up waits for `STREAM_PATIENCE_MS` at most.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { concat } from '../../base/bytes.ts'
import type { ByteStream, Environment, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { abortable, withDeadline } from '../../base/waiting.ts'
import { CELL_BYTES } from '../../erasure/layout.ts'
import type { FragmentInfo, FragmentStore, RevealedCell } from '../../storage/fragment-store.ts'
import {
  CALL,
  type CallMessage,
  decodeInfo,
  decodeOutcome,
  decodeRevealed,
  encodeCall,
  encodePut,
  encodeRead,
  type Found,
  frameOf,
  malformed,
  MESSAGE_BYTES_MAX,
  openAnswer,
  type Outcome,
  PUT,
  READ,
  readFound,
  REQUEST_CELLS_BYTES_MAX,
} from './fragment-messages.ts'
import type {
  FragmentCall,
  FragmentPeers,
  FragmentPut,
  FragmentRead,
  FragmentReferenceName,
  ReadCells,
} from './fragment-peers.ts'
import { StreamGate } from './stream-gate.ts'
import { StreamReader } from './stream-reader.ts'

/** How long a small answer may take, and all of a bulk one. */
const CALL_MS = 5_000
const BULK_MS = 30_000
/** From the last byte of a fragment to the word that it is durable. */
const DURABLE_MS = 30_000
/** Cells of the own store read at once, so that most need not be joined. */
const OWN_RUN_CELLS = 16
/** Of an answer that has leaves. */
const ANSWER_BYTES_MAX: number = 2 * MESSAGE_BYTES_MAX

export interface NetworkFragmentsOptions {
  readonly environment: Pick<Environment, 'network' | 'timers'>
  /** This peer's own. */
  readonly store: FragmentStore
}

type Cells = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

export class NetworkFragments implements FragmentPeers {
  readonly #environment: NetworkFragmentsOptions['environment']
  readonly #store: FragmentStore
  readonly #streams = new StreamGate()

  constructor({ environment, store }: NetworkFragmentsOptions) {
    this.#environment = environment
    this.#store = store
  }

  async put(peer: PeerId, id: string, put: FragmentPut, cells: Cells): Promise<Outcome> {
    put.signal?.throwIfAborted()
    const { signal, ...rest } = put
    if (this.#isSelf(peer)) {
      return this.#store.put(id, { ...rest, ...(signal && { signal }) }, cells)
    }
    const message = encodePut({ id, ...rest })
    if (put.sizeBytes > REQUEST_CELLS_BYTES_MAX) {
      return this.#streams.pass(peer, signal, () => this.#putByStream(peer, message, cells, signal))
    }
    const parts: Uint8Array[] = [message]
    for await (const cell of cells) parts.push(cell.slice())
    const request = { body: concat(parts), deadlineMs: DURABLE_MS, signal }
    return decodeOutcome(await this.#environment.network.request(peer, PUT, request))
  }

  async cells(peer: PeerId, id: string, range: FragmentRead): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#read(peer, { id, ...range, wantsLeaves: false }, range)).cells
  }

  read(peer: PeerId, id: string, range: FragmentRead): Promise<ReadCells> {
    return this.#read(peer, { id, ...range, wantsLeaves: true }, range)
  }

  async leaves(peer: PeerId, id: string, call: FragmentCall = {}): Promise<Uint8Array> {
    const none = { id, from: 0, to: 0, wantsLeaves: true }
    return (await this.#read(peer, none, { deadlineMs: CALL_MS, ...call })).leaves
  }

  async commit(
    peer: PeerId,
    id: string,
    { segment, index }: FragmentReferenceName,
    call?: FragmentCall,
  ): Promise<void> {
    if (this.#isSelf(peer)) return this.#store.commit(id, { segment, index })
    await this.#call(peer, { type: 'commit', id, segment, index }, call)
  }

  async release(
    peer: PeerId,
    id: string,
    { segment, index, graceMs }: FragmentReferenceName & { readonly graceMs: number },
    call?: FragmentCall,
  ): Promise<void> {
    if (this.#isSelf(peer)) return this.#store.release(id, { segment, index }, graceMs)
    await this.#call(peer, { type: 'release', id, segment, index, graceMs }, call)
  }

  async stat(peer: PeerId, id: string, call?: FragmentCall): Promise<FragmentInfo | undefined> {
    if (this.#isSelf(peer)) return this.#store.stat(id)
    return decodeInfo(await this.#call(peer, { type: 'stat', id }, call))
  }

  async prove(
    peer: PeerId,
    id: string,
    { cell, nonce }: { readonly cell: number; readonly nonce: Uint8Array },
    call?: FragmentCall,
  ): Promise<Uint8Array> {
    if (this.#isSelf(peer)) return this.#store.prove(id, cell, nonce)
    return this.#call(peer, { type: 'prove', id, cell, nonce }, call)
  }

  async reveal(peer: PeerId, id: string, cell: number, call?: FragmentCall): Promise<RevealedCell> {
    if (this.#isSelf(peer)) return this.#store.reveal(id, cell)
    return decodeRevealed(await this.#call(peer, { type: 'reveal', id, cell }, call))
  }

  #isSelf(peer: PeerId): boolean {
    return peer === this.#environment.network.self
  }

  #call(
    peer: PeerId,
    message: CallMessage,
    { deadlineMs = CALL_MS, signal }: FragmentCall = {},
  ): Promise<Uint8Array> {
    const request = { body: encodeCall(message), deadlineMs, signal }
    return this.#environment.network.request(peer, CALL, request)
  }

  /** Nothing can be undone of what the peer took in; without its last byte it keeps nothing. */
  async #putByStream(
    peer: PeerId,
    message: Uint8Array,
    cells: Cells,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const { network, timers } = this.#environment
    const stream = await network.openStream(peer, PUT, signal)
    return guarded(stream, signal, async () => {
      const reader = new StreamReader(stream, timers)
      let isAnswered = false
      const answer = reader.frame(ANSWER_BYTES_MAX).finally(() => (isAnswered = true))
      answer.catch(() => undefined)
      await stream.write(frameOf(message))
      for await (const cell of cells) {
        if (isAnswered) break
        // A refusal must not wait for room that a peer which reads no more will never give.
        await Promise.race([stream.write(cell.slice()), answer])
      }
      const isWhole = !isAnswered
      if (isWhole) stream.end()
      const bounds = { ms: DURABLE_MS, what: 'a durable fragment', signal }
      const body = openAnswer(await withDeadline(timers, bounds, () => answer), peer)
      // Of what is there already no more need be sent.
      if (!isWhole) stream.abort(closed())
      return decodeOutcome(body)
    })
  }

  async #read(
    peer: PeerId,
    message: { id: string; from: number; to: number; wantsLeaves: boolean },
    { deadlineMs = BULK_MS, signal }: FragmentCall,
  ): Promise<ReadCells> {
    if (this.#isSelf(peer)) return this.#readHere(message, signal)
    const { network, timers } = this.#environment
    const [body, cells] = [encodeRead(message), message.to - message.from]
    if (cells * CELL_BYTES <= REQUEST_CELLS_BYTES_MAX) {
      const reader = new BinaryReader(
        await network.request(peer, READ, { body, deadlineMs, signal }),
      )
      const { leaves, sizeBytes } = readFound(reader, cells)
      const bytes = reader.fixed(sizeBytes).slice()
      reader.end()
      return { leaves, cells: bytes }
    }
    const bounds = { ms: deadlineMs, what: 'cells of a fragment', signal }
    return withDeadline(timers, bounds, within =>
      this.#streams.pass(peer, within, () => this.#readByStream(peer, body, cells, within)),
    )
  }

  async #readByStream(
    peer: PeerId,
    body: Uint8Array,
    cells: number,
    signal: AbortSignal,
  ): Promise<ReadCells> {
    const { network, timers } = this.#environment
    const stream = await network.openStream(peer, READ, signal)
    return guarded(stream, signal, async () => {
      await stream.write(frameOf(body))
      stream.end()
      const reader = new StreamReader(stream, timers)
      const found = new BinaryReader(openAnswer(await reader.frame(ANSWER_BYTES_MAX), peer))
      const { leaves, sizeBytes }: Found = readFound(found, cells)
      const bytes = new Uint8Array(sizeBytes)
      await reader.readInto(bytes)
      if ((await stream.read()) !== undefined) throw malformed('end', 0)
      return { leaves, cells: bytes }
    })
  }

  async #readHere(
    { id, from, to }: { id: string; from: number; to: number },
    signal: AbortSignal | undefined,
  ): Promise<ReadCells> {
    let leaves = new Uint8Array(0) as Uint8Array
    const onLeaves = (found: Uint8Array): void => {
      leaves = found
    }
    const runs: Uint8Array<ArrayBuffer>[] = []
    const range = { from, to, runCells: OWN_RUN_CELLS, signal, onLeaves }
    for await (const run of this.#store.readRuns(id, range)) runs.push(run)
    const [first] = runs
    if (runs.length === 1 && first !== undefined) return { cells: first, leaves }
    const cells = new Uint8Array(runs.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const run of runs) {
      cells.set(run, at)
      at += run.length
    }
    return { cells, leaves }
  }
}

/** Works on a stream; whatever goes wrong, and the signal, break it off at both ends. */
async function guarded<Result>(
  stream: ByteStream,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await abortable(work(), signal)
  } catch (error) {
    stream.abort(error instanceof Error ? error : closed())
    throw error
  }
}

const closed = (): HoldfastError =>
  new HoldfastError('Cannot go on: the call was given up', { code: 'CLOSED', what: 'stream' })
