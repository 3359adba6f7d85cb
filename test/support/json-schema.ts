import type { Schema } from '../../src/gateway/openapi/schema.ts'

/** What is wrong with a value, by a schema; as much of JSON Schema as the API's description uses. */
export function faultsIn(value: unknown, schema: Schema, at = '$'): readonly string[] {
  const anyOf = schema['anyOf'] as readonly Schema[] | undefined
  if (anyOf !== undefined) {
    const each = anyOf.map(option => faultsIn(value, option, at))
    return each.some(faults => faults.length === 0) ? [] : each.flat()
  }
  const { enum: allowed, minimum, format } = schema
  const type = schema['type'] as string | undefined
  if (type !== undefined && !isOf(value, type)) return [`${at} is no ${type}`]
  if (Array.isArray(allowed) && !allowed.includes(value)) return [`${at} is ${String(value)}`]
  if (typeof minimum === 'number' && (value as number) < minimum) return [`${at} is too small`]
  if (format === 'date-time' && Number.isNaN(Date.parse(value as string)))
    return [`${at} is no time`]
  if (type === 'array') {
    const items = (schema['items'] ?? {}) as Schema
    return (value as readonly unknown[]).flatMap((item, n) => faultsIn(item, items, `${at}[${n}]`))
  }
  return type === 'object'
    ? faultsInObject(value as Readonly<Record<string, unknown>>, schema, at)
    : []
}

function faultsInObject(
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
  at: string,
): readonly string[] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>
  const missing = ((schema['required'] ?? []) as readonly string[])
    .filter(name => !Object.hasOwn(value, name))
    .map(name => `${at}.${name} is missing`)
  const others = schema['additionalProperties']
  const wrong = Object.entries(value).flatMap(([name, field]) => {
    const known = properties[name] ?? others ?? {}
    return known === false
      ? [`${at}.${name} is not known`]
      : faultsIn(field, known as Schema, `${at}.${name}`)
  })
  return [...missing, ...wrong]
}

function isOf(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
