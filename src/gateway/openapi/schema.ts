/** JSON Schema, as far as the API needs it (draft 2020-12, which OpenAPI 3.1 speaks). */
export type Schema = Readonly<Record<string, unknown>>

export const text: Schema = { type: 'string' }
export const number: Schema = { type: 'number' }
export const whole: Schema = { type: 'integer' }
export const natural: Schema = { type: 'integer', minimum: 0 }
export const flag: Schema = { type: 'boolean' }
export const time: Schema = { type: 'string', format: 'date-time' }
export const base64: Schema = { type: 'string', contentEncoding: 'base64' }
export const choice = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
export const list = (items: Schema): Schema => ({ type: 'array', items })
export const texts: Schema = { type: 'object', additionalProperties: text }
export const counts: Schema = { type: 'object', additionalProperties: natural }
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })

/** What is sent: fields that nobody would read are refused. A name that ends in `?` may be missing. */
export const input = (fields: Readonly<Record<string, Schema>>): Schema => ({
  ...objectOf(fields),
  additionalProperties: false,
})

/** What is answered: it may come to hold more. */
export const output = (fields: Readonly<Record<string, Schema>>): Schema => objectOf(fields)

function objectOf(fields: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(fields)
  return {
    type: 'object',
    properties: Object.fromEntries(
      names.map(name => [name.replace(/\?$/, ''), fields[name] as Schema]),
    ),
    required: names.filter(name => !name.endsWith('?')),
  }
}
