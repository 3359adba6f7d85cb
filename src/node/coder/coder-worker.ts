/** A thread of a `CoderPool`: does one job after another with tools of its own. */
import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../../base/assert.ts'
import { HoldfastError } from '../../base/errors.ts'
import { Sweeper } from '../../net/sweeper.ts'
import type {
  CoderAnswer,
  CoderJob,
  CoderRequest,
  CoderResult,
  CoderThreadData,
} from './coder-thread.ts'
import { createCodec } from './coder-tools.ts'
import { loadHashers } from './hashers.ts'
import { StripeCoder } from './stripe-coder.ts'

assert(parentPort !== null, 'this file runs in a worker')
const port = parentPort
const { codec, compiled } = workerData as CoderThreadData
const sweeper = new Sweeper()
const coder = new StripeCoder(createCodec(codec, compiled), await loadHashers())

function answer({ id, job }: CoderRequest): CoderAnswer {
  try {
    return { id, value: resultOf(job) }
  } catch (error) {
    // A bug is not an answer: it ends the thread, and the pool with its message.
    if (!(error instanceof HoldfastError)) throw error
    return { id, failure: { message: error.message, details: error.details } }
  }
}

function resultOf(job: CoderJob): CoderResult {
  if (job.type === 'encode') return coder.encode(job)
  return job.type === 'decode' ? coder.decode(job) : coder.rebuild(job)
}

/** The buffers that an answer moves back. */
function buffersOf({ value }: CoderAnswer): ArrayBuffer[] {
  if (value === undefined) return []
  if (!('type' in value)) return [value.plain.buffer, value.cells.buffer]
  if (value.type === 'plain') return [value.plain.buffer]
  if (value.type === 'rebuilt') return [value.cells.buffer]
  return value.columns.map(({ bytes }) => bytes.buffer)
}

port.on('message', (request: CoderRequest) => {
  const reply = answer(request)
  const moved = buffersOf(reply)
  // What ciphers return is as large again, 64 KiB at a time.
  sweeper.passed(moved.reduce((sum, { byteLength }) => sum + byteLength, 0))
  port.postMessage(reply, moved)
})
