/**
 * Machines of applications have groups of their own, whose numbers follow from their names, so that a
 * peer can tell from a number which of its machines is meant, without asking anybody:
 *
 *     0 | 1 … 65,535 (ranges of the catalog) | 65,536 + 64 · (25 bits of the name) + attempt
 *
 * A group whose founder was lost before anybody could use it is founded anew under the next number.
 */
const MACHINE_GROUPS_FROM = 65_536
export const ATTEMPTS_MAX = 64
const NAMES = 2 ** 25

export const isMachineGroup = (group: number): boolean => group >= MACHINE_GROUPS_FROM

/** @param attempt from 0 on */
export const groupOfMachine = (name: string, attempt: number): number =>
  MACHINE_GROUPS_FROM + numberOf(name) * ATTEMPTS_MAX + attempt

/** Whether it is one of a machine of this name. */
export const isGroupOf = (name: string, group: number): boolean =>
  isMachineGroup(group) &&
  Math.floor((group - MACHINE_GROUPS_FROM) / ATTEMPTS_MAX) === numberOf(name)

/** @throws {RangeError} for a name that is none, or two that cannot live together */
export function checkNames(names: readonly string[]): void {
  const numbers = new Map<number, string>()
  for (const name of names) {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
      throw new RangeError(`a machine is called by lower-case letters, digits and hyphens: ${name}`)
    }
    const other = numbers.get(numberOf(name))
    if (other !== undefined)
      throw new RangeError(`machines ${other} and ${name} cannot be together`)
    numbers.set(numberOf(name), name)
  }
}

/** FNV-1a. */
function numberOf(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  }
  return (hash >>> 0) % NAMES
}
