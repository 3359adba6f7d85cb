/**
 * The thread behind a `ThreadedDisk`: waits for a request, carries it out with blocking calls,
 * answers. It sleeps in `Atomics.wait` rather than in the event loop, which wakes it in half the
 * time; that is what a single writer's fsync latency is made of.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'

import type { DiskFile } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { CheckedDisk } from './disk.ts'
import { blockingCalls } from './system-calls.ts'
import {
  type DiskAnswer,
  type DiskRequest,
  type DiskThreadData,
  memoryOf,
} from './threaded-disk.ts'

const { root, port, bell } = workerData as DiskThreadData & { port: MessagePort }
const disk = new CheckedDisk(blockingCalls(root))
const files = new Map<number, DiskFile>()
let lastFile = 0

async function carryOut({ call, file, args }: DiskRequest): Promise<unknown> {
  if (file !== undefined) {
    const target = files.get(file)
    if (target === undefined) throw new RangeError('the file is closed')
    if (call === 'close') files.delete(file)
    return (target as unknown as Record<string, (...args: unknown[]) => unknown>)[call]?.(...args)
  }
  if (call !== 'open') {
    return (disk as unknown as Record<string, (...args: unknown[]) => unknown>)[call]?.(...args)
  }
  const opened = await disk.open(...(args as Parameters<CheckedDisk['open']>))
  files.set(++lastFile, opened)
  return lastFile
}

async function answer(request: DiskRequest): Promise<DiskAnswer> {
  try {
    return { id: request.id, value: await carryOut(request) }
  } catch (error) {
    const { message } = error as Error
    const details = error instanceof HoldfastError ? error.details : undefined
    return { id: request.id, failure: { message, details } }
  }
}

for (let rung = 0; ;) {
  Atomics.wait(bell, 0, rung)
  rung = Atomics.load(bell, 0)
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    const reply = await answer(next.message as DiskRequest)
    port.postMessage(reply, memoryOf(reply.value))
  }
}
