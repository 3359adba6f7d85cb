import { Buffer } from 'node:buffer'

import { HttpError } from './http-error.ts'

/** The fields of a request: of its JSON body, or its query, where every value is text. */
export type Fields = Readonly<Record<string, unknown>>

/** @throws {HttpError} 400 for a field that nobody would read */
export function onlyFields(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find(key => !known.includes(key))
  if (unknown !== undefined) throw new HttpError(400, `There is no field ${unknown}`)
}

/** @throws {HttpError} 400 for a parameter that nobody would read, or that is given twice */
export function queryFields(query: string, known: readonly string[]): Fields {
  const fields: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) throw new HttpError(400, `There is no parameter ${name}`)
    if (Object.hasOwn(fields, name)) throw new HttpError(400, `${name} is given twice`)
    fields[name] = value
  }
  return fields
}

export function textIn(fields: Fields, name: string, otherwise?: string): string {
  const value = optionalText(fields, name) ?? otherwise
  if (value === undefined) throw new HttpError(400, `${name} is missing`)
  return value
}

export function optionalText(fields: Fields, name: string): string | undefined {
  const value = valueIn(fields, name)
  if (value === undefined || typeof value === 'string') return value
  throw new HttpError(400, `${name} is no text`)
}

export function naturalIn(fields: Fields, name: string): number {
  const value = optionalNatural(fields, name)
  if (value === undefined) throw new HttpError(400, `${name} is missing`)
  return value
}

/** A whole number; of a query, its digits. */
export function optionalNatural(fields: Fields, name: string): number | undefined {
  const given = valueIn(fields, name)
  const value = typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : given
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw impossible(name)
}

export function optionalFlag(fields: Fields, name: string): boolean | undefined {
  const value = valueIn(fields, name)
  if (value === undefined || typeof value === 'boolean') return value
  if (value === 'true' || value === 'false') return value === 'true'
  throw impossible(name)
}

export function optionalChoice<Choice extends string>(
  fields: Fields,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = valueIn(fields, name)
  if (value === undefined) return undefined
  const choice = choices.find(each => each === value)
  if (choice === undefined) throw new HttpError(400, `${name} is one of ${choices.join(', ')}`)
  return choice
}

export function optionalTexts(fields: Fields, name: string): Record<string, string> | undefined {
  const value = valueIn(fields, name)
  if (value === undefined) return undefined
  const isTexts = isObject(value) && Object.values(value).every(each => typeof each === 'string')
  if (isTexts) return value as Record<string, string>
  throw impossible(name)
}

export function objectIn(fields: Fields, name: string): Fields {
  const value = valueIn(fields, name)
  if (isObject(value)) return value
  throw new HttpError(400, value === undefined ? `${name} is missing` : `${name} is no object`)
}

export function bytesIn(fields: Fields, name: string): Uint8Array {
  const text = textIn(fields, name)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new HttpError(400, `${name} is no base64`)
  return new Uint8Array(bytes)
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Own fields only: a name may be one that every object has. */
const valueIn = (fields: Fields, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

const impossible = (name: string): HttpError =>
  new HttpError(400, `${name} has an impossible value`)
