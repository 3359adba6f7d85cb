import { HoldfastError } from '../../base/errors.ts'
import type { MachineResult } from '../../consensus/application/machine-command.ts'

/** The failure that a result means which is no answer. */
export function failureOf(
  result: MachineResult,
  machine: string,
  key: string | undefined,
): HoldfastError {
  switch (result.type) {
    case 'failed':
      return failed(machine, 'do that', result.reason)
    case 'full':
      return full(machine, result.what)
    case 'reused':
      return reused(machine, key ?? '')
    case 'late':
      return late(machine)
    case 'unready':
      return unready(machine)
    case 'done':
    case 'refused':
    case 'malformed':
    case 'ok':
      return strange(result.type)
  }
}

export const refused = (machine: string, reason: string, index: number): HoldfastError =>
  new HoldfastError(`Cannot do that: ${reason}`, {
    code: 'MACHINE_REFUSED',
    machine,
    reason,
    index,
  })

export const failed = (machine: string, what: string, reason: string): HoldfastError =>
  new HoldfastError(`Cannot ${what}: the program of ${machine} failed: ${reason}`, {
    code: 'MACHINE_FAILED',
    machine,
    reason,
  })

const full = (machine: string, what: string): HoldfastError =>
  new HoldfastError(`Cannot do that: machine ${machine} has no room for more ${what}`, {
    code: 'MACHINE_FULL',
    machine,
    what,
  })

const reused = (machine: string, key: string): HoldfastError =>
  new HoldfastError(`Cannot do that: the key was used for another command of ${machine}`, {
    code: 'MACHINE_KEY_REUSED',
    machine,
    key,
  })

const late = (machine: string): HoldfastError =>
  new HoldfastError(`Cannot do that: files of ${machine} had to wait for too long`, {
    code: 'WRITE_EXPIRED',
    content: machine,
    untilMs: 0,
  })

const unready = (machine: string): HoldfastError =>
  new HoldfastError(`Cannot do that: no version of ${machine} is in force yet`, {
    code: 'BUSY',
    what: 'machine',
  })

export const trimmed = (after: number, oldest: number): HoldfastError =>
  new HoldfastError(`Cannot watch from ${after}: known are events above ${oldest}`, {
    code: 'WATCH_TRIMMED',
    after,
    oldest,
  })

export const unknown = (group: number, cause: unknown): HoldfastError =>
  new HoldfastError(
    'Cannot tell whether it was done: no answer in time',
    { code: 'OUTCOME_UNKNOWN', group, reason: 'no answer in time' },
    { cause },
  )

export const strange = (type: string): HoldfastError =>
  new HoldfastError(`Cannot understand the answer: ${type}`, {
    code: 'MALFORMED',
    what: 'answer',
    offset: 0,
  })
