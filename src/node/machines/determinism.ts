import { HoldfastError } from '../../base/errors.ts'

/**
 * Runs work of an application in a world without time and chance: while it runs, what would tell them
 * throws instead. Work is synchronous, so nobody else runs meanwhile and nobody else sees it.
 *
 * That finds what it can see. A reducer that asks the network, a file or a variable of its module is
 * told by the hashes that replicas compare.
 */
export function withoutChance<Result>(work: () => Result): Result {
  const closed = doors.map(({ owner, name, value }) => closedDoor(owner, name, value))
  try {
    return work()
  } finally {
    for (const open of closed.toReversed()) open()
  }
}

interface Door {
  readonly owner: object
  readonly name: string
  readonly value: unknown
}

const forbidden = (what: string): (() => never) => {
  return () => {
    throw new HoldfastError(`Cannot use ${what} in a machine: replicas would differ`, {
      code: 'NOT_DETERMINISTIC',
      what,
    })
  }
}

/** `new Date(ms)` is arithmetic; without arguments it reads the clock. */
const dateWithoutNow: DateConstructor = new Proxy(Date, {
  apply: forbidden('Date()'),
  construct(target, given: unknown[], newTarget) {
    if (given.length === 0) forbidden('new Date()')()
    return Reflect.construct(target, given, newTarget) as object
  },
  get: (target, name, receiver) =>
    name === 'now' ? forbidden('Date.now') : (Reflect.get(target, name, receiver) as unknown),
})

const refusing = (what: string): object =>
  new Proxy({}, { get: (_, name) => forbidden(`${what}.${String(name)}`)() })

const waiting = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch']

const doors: readonly Door[] = [
  { owner: globalThis, name: 'Date', value: dateWithoutNow },
  { owner: Math, name: 'random', value: forbidden('Math.random') },
  { owner: globalThis, name: 'performance', value: refusing('performance') },
  { owner: globalThis, name: 'crypto', value: refusing('crypto') },
  { owner: process, name: 'hrtime', value: forbidden('process.hrtime') },
  ...waiting.map(name => ({ owner: globalThis, name, value: forbidden(name) })),
]

/** Puts something in the place of what is there; returns how to put that back. */
function closedDoor(owner: object, name: string, value: unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(owner, name)
  if (original?.configurable !== true) return () => undefined
  const { enumerable = false } = original
  Object.defineProperty(owner, name, { value, enumerable, configurable: true, writable: true })
  return () => Object.defineProperty(owner, name, original)
}
