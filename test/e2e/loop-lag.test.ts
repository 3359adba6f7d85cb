import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { nodeTurns } from '../../src/node/membership/turns.ts'

const STALL_MS = 400

/** Keeps the event loop from turning. */
function stall(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('a stalled event loop is told about, with how long', async () => {
  const lags: number[] = []
  const unwatch = nodeTurns.watchLag(lagMs => lags.push(lagMs))
  try {
    await sleep(300)
    stall(STALL_MS)
    await sleep(300)
  } finally {
    unwatch()
  }
  assert.ok(Math.max(...lags) > STALL_MS / 2, `told of ${lags.join(', ')} ms`)
})

test('what has arrived before a timer was due is read before the verdict', async () => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  try {
    const order: string[] = []
    const isRead = once(socket, 'message').then(() => order.push('packet'))
    const isJudged = new Promise<void>(resolve => {
      setTimeout(() => {
        nodeTurns.afterPoll(() => {
          order.push('verdict')
          resolve()
        })
      }, 50)
    })
    const sender = createSocket('udp4')
    const isSent = new Promise<void>(resolve => {
      sender.send('answer', socket.address().port, '127.0.0.1', () => resolve())
    })
    // By the time the loop turns again the packet is there and the timer is due.
    stall(100)
    await Promise.all([isSent, isRead, isJudged])
    sender.close()
    assert.deepEqual(order, ['packet', 'verdict'])
  } finally {
    socket.close()
  }
})
