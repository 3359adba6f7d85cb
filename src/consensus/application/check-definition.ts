import { type MachineDefinition, machineLimits } from './definition.ts'

const PROGRAM_VERSION_MAX = 1_000_000

/** @throws {RangeError}, {TypeError} for a definition that makes no sense */
export function checkDefinition(definition: MachineDefinition): void {
  const { version, oldestVersion = 1, limits = {} } = definition
  if (!isVersion(version) || !isVersion(oldestVersion) || oldestVersion > version) {
    throw new RangeError('the version of a machine is a natural number, no older than the oldest')
  }
  if (typeof definition.apply !== 'function') throw new TypeError('a machine applies commands')
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in machineLimits) || !(value > 0)) throw new RangeError(`no such limit: ${name}`)
  }
}

const isVersion = (it: number): boolean =>
  Number.isSafeInteger(it) && it >= 1 && it <= PROGRAM_VERSION_MAX
