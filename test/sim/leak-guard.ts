import { createHook } from 'node:async_hooks'
import childProcess from 'node:child_process'
import nodeCrypto from 'node:crypto'
import dgram from 'node:dgram'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import workerThreads from 'node:worker_threads'

/**
 * Keeps the real world out of a simulated one: while the guard is up, whoever reads the time, draws
 * a random number, sets a timer, or opens a file, a socket or a thread is stopped with an error. The
 * functions themselves throw; and what reaches the system some other way shows as an asynchronous
 * resource that a simulation never has.
 */
type Functions = Record<string, unknown>

const globals = globalThis as unknown as Functions

/** Objects and those of their functions that lead outside. */
const doors: [string, Functions, readonly string[]][] = [
  ['', globals, ['setTimeout', 'setInterval', 'setImmediate', 'fetch']],
  ['Date.', Date as unknown as Functions, ['now']],
  ['Math.', Math as unknown as Functions, ['random']],
  ['performance.', Object.getPrototypeOf(performance) as Functions, ['now', 'mark', 'measure']],
  [
    'process.',
    process as unknown as Functions,
    ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage'],
  ],
  ['os.', os, functionsOf(os)],
  ['Atomics.', Atomics as unknown as Functions, ['wait', 'waitAsync']],
  ['WebAssembly.', globals['WebAssembly'] as Functions, ['compile', 'instantiate']],
  ['crypto.', Object.getPrototypeOf(crypto) as Functions, ['getRandomValues', 'randomUUID']],
  [
    'node:crypto.',
    nodeCrypto,
    ['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID'],
  ],
  ['net.', net, ['connect', 'createConnection', 'createServer']],
  ['dgram.', dgram, ['createSocket']],
  ['child_process.', childProcess, functionsOf(childProcess)],
  ['worker_threads.', workerThreads, ['Worker']],
  ['fs.', fs, functionsOf(fs)],
  ['fs.promises.', fs.promises, functionsOf(fs.promises)],
]

/** What promises, ticks, and synchronous signatures leave behind. */
const harmless = new Set(['PROMISE', 'TickObject', 'Microtask', 'SIGNREQUEST', 'DERIVEBITSREQUEST'])

/** A frame of our own code on the stack: anything else is the platform's own business. */
const ownCode = /\/(src|test)\/(?!sim\/leak-guard)/

/** Puts the guard up, and returns how to take it down: which throws if something slipped through. */
export function guardAgainstLeaks(): () => void {
  const leaks: Error[] = []
  const restores = doors.flatMap(([prefix, owner, names]) =>
    names.map(name => forbid(owner, name, `${prefix}${name}`)),
  )
  restores.push(forbidNewDate())
  syncBuiltinESMExports()
  const hook = createHook({
    trackPromises: false,
    init(_id: number, type: string) {
      if (harmless.has(type)) return
      const leak = new Error(`a simulated run touched the real world: ${type}`)
      if (ownCode.test(leak.stack ?? '')) leaks.push(leak)
    },
  })
  hook.enable()
  return () => {
    hook.disable()
    for (const restore of restores) restore()
    syncBuiltinESMExports()
    if (leaks[0] !== undefined) throw leaks[0]
  }
}

function forbid(owner: Functions, name: string, label: string): () => void {
  const original = Object.getOwnPropertyDescriptor(owner, name)
  if (original?.configurable !== true) throw new Error(`the guard cannot close ${label}`)
  Object.defineProperty(owner, name, {
    ...original,
    value: () => {
      throw new Error(`a simulated run touched the real world: ${label}`)
    },
  })
  return () => Object.defineProperty(owner, name, original)
}

/** `new Date(ms)` is arithmetic, `new Date()` reads the clock. */
function forbidNewDate(): () => void {
  const Original = Date
  globals['Date'] = new Proxy(Original, {
    apply() {
      throw new Error('a simulated run touched the real world: Date()')
    },
    construct(target, args: [], newTarget) {
      if (args.length > 0) return Reflect.construct(target, args, newTarget) as object
      throw new Error('a simulated run touched the real world: new Date()')
    },
  })
  return () => {
    globals['Date'] = Original
  }
}

function functionsOf(owner: object): string[] {
  return Object.entries(owner)
    .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
    .map(([name]) => name)
}
