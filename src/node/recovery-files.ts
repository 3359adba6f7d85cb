import { HoldfastError } from '../base/errors.ts'
import type { NetworkPlan, StoreReport } from './recovery.ts'

/**
 * A report as `inspectStore` made it, from its JSON. Carried between machines by hand, so its shape
 * is checked; what it says is believed.
 * @throws {HoldfastError} `MALFORMED`
 */
export function parseReport(text: string): StoreReport {
  const value = parse(text, 'report')
  const { survivors } = value
  const isReport =
    hasStrings(value, 'format', 'network', 'epoch') &&
    Array.isArray(survivors) &&
    survivors.every(each => isObject(each) && isSurvivor(each))
  if (!isReport) throw malformed('report')
  return value as unknown as StoreReport
}

/** A plan as `planFromReports` made it, from its JSON. @throws {HoldfastError} `MALFORMED` */
export function parsePlan(text: string): NetworkPlan {
  const value = parse(text, 'plan')
  const { groups, refused } = value
  const isPlan =
    hasStrings(value, 'format', 'network', 'epoch') &&
    /^[0-9a-f]{32}$/.test(value['epoch'] as string) &&
    Array.isArray(groups) &&
    groups.every(each => isObject(each) && isGroupPlan(each)) &&
    Array.isArray(refused) &&
    refused.every(each => isObject(each) && isNatural(each['group']) && hasStrings(each, 'reason'))
  if (!isPlan) throw malformed('plan')
  return value as unknown as NetworkPlan
}

type Fields = Record<string, unknown>

const isSurvivor = (value: Fields): boolean =>
  hasStrings(value, 'replica') &&
  [value['group'], value['term'], value['commit']].every(isNatural) &&
  isMark(value['last']) &&
  typeof value['isDamaged'] === 'boolean' &&
  isConfiguration(value['configuration'])

const isGroupPlan = (value: Fields): boolean =>
  hasStrings(value, 'replica') &&
  [value['group'], value['term'], value['undecided']].every(isNatural) &&
  isMark(value['last']) &&
  [value['lost'], value['wiped']].every(isNames)

const isConfiguration = (value: unknown): boolean =>
  isObject(value) && [value['voters'], value['outgoing'], value['learners']].every(isNames)

const isMark = (value: unknown): boolean =>
  isObject(value) && isNatural(value['index']) && isNatural(value['term'])

const isNames = (value: unknown): boolean =>
  Array.isArray(value) && value.every(name => typeof name === 'string')

const isNatural = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const hasStrings = (value: Fields, ...names: string[]): boolean =>
  names.every(name => typeof value[name] === 'string')

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

function parse(text: string, what: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch (cause) {
    throw malformed(what, { cause })
  }
  throw malformed(what)
}

function malformed(what: string, options?: ErrorOptions): HoldfastError {
  const details = { code: 'MALFORMED', what, offset: 0 } as const
  return new HoldfastError(`Cannot read ${what}: it is not what was written`, details, options)
}
