import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'

/**
 * How a value becomes bytes and comes back. A codec is built from smaller ones, so that what is
 * written and what is read cannot drift apart. Reading is total: any input gives a value within its
 * bounds, or throws `MALFORMED` or `TOO_LARGE`. Values that are read own their memory.
 */
export interface Codec<Value> {
  /** @throws {HoldfastError} `TOO_LARGE` for a value beyond its bound */
  write(writer: BinaryWriter, value: Value): void
  /** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
  read(reader: BinaryReader): Value
}

/** An integer from 0 to `most`. */
export const natural = (most: number = Number.MAX_SAFE_INTEGER): Codec<number> => ({
  write: (writer, value) => writer.varint(within(value, most, 'number')),
  read: reader => within(reader.varint(), most, 'number'),
})

export const flag: Codec<boolean> = {
  write: (writer, value) => writer.u8(value ? 1 : 0),
  read: reader => {
    const { offset } = reader
    const value = reader.u8()
    if (value > 1) throw malformed('flag', offset)
    return value === 1
  },
}

/** An integer of either sign, up to 2^53 - 1. */
export const signed: Codec<number> = {
  write: (writer, value) => writer.f64(value),
  read: reader => {
    const { offset } = reader
    const value = reader.f64()
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw malformed('integer', offset)
    return value
  },
}

/** Well-formed UTF-8 of at most `mostBytes`. */
export const text = (mostBytes: number): Codec<string> => ({
  write: (writer, value) => {
    const start = writer.size
    writer.string(value)
    within(writer.size - start, mostBytes + 3, 'text')
  },
  read: reader => reader.string(mostBytes),
})

export const bytes = (most: number): Codec<Uint8Array> => ({
  write: (writer, value) => {
    within(value.length, most, 'bytes')
    writer.bytes(value)
  },
  read: reader => reader.bytes(most).slice(),
})

/** Exactly `size` bytes. */
export const fixed = (size: number): Codec<Uint8Array> => ({
  write: (writer, value) => {
    if (value.length !== size) throw malformed(`${size} bytes`, writer.size)
    writer.fixed(value)
  },
  read: reader => reader.fixed(size).slice(),
})

export const list = <Item>(item: Codec<Item>, most: number): Codec<readonly Item[]> => ({
  write: (writer, values) => {
    writer.varint(within(values.length, most, 'list'))
    for (const value of values) item.write(writer, value)
  },
  read: reader => {
    const count = within(reader.varint(), most, 'list')
    const values: Item[] = []
    while (values.length < count) values.push(item.read(reader))
    return values
  },
})

export const optional = <Value>(codec: Codec<Value>): Codec<Value | undefined> => ({
  write: (writer, value) => {
    flag.write(writer, value !== undefined)
    if (value !== undefined) codec.write(writer, value)
  },
  read: reader => (flag.read(reader) ? codec.read(reader) : undefined),
})

/** One of a few words, written as its place among them. */
export const oneOf = <Word extends string>(...words: readonly Word[]): Codec<Word> => ({
  write: (writer, value) => writer.u8(words.indexOf(value)),
  read: reader => {
    const { offset } = reader
    const word = words[reader.u8()]
    if (word === undefined) throw malformed(words.join(' or '), offset)
    return word
  },
})

export type Fields<Value> = { readonly [Name in keyof Value]-?: Codec<Value[Name]> }

/** The fields one after another, in the order in which they are listed. */
export function struct<Value extends object>(fields: Fields<Value>): Codec<Value> {
  const entries = Object.entries(fields) as [keyof Value & string, Codec<unknown>][]
  return {
    write: (writer, value) => {
      for (const [name, codec] of entries) codec.write(writer, value[name])
    },
    read: reader => {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) value[name] = codec.read(reader)
      return value as Value
    },
  }
}

/** The fields of one, then those of the other. */
export const joined = <First extends object, Second extends object>(
  first: Codec<First>,
  second: Codec<Second>,
): Codec<First & Second> => ({
  write: (writer, value) => {
    first.write(writer, value)
    second.write(writer, value)
  },
  read: reader => ({ ...first.read(reader), ...second.read(reader) }),
})

/** Alternatives told apart by `tag`; each has a number of its own that never changes. */
export type Alternatives<Tag extends string, Value extends Record<Tag, string>> = {
  readonly [Name in Value[Tag]]: readonly [
    number: number,
    codec: Codec<Omit<Extract<Value, Record<Tag, Name>>, Tag>>,
  ]
}

export function variant<Tag extends string, Value extends Record<Tag, string>>(
  tag: Tag,
  alternatives: Alternatives<Tag, Value>,
): Codec<Value> {
  const byName = alternatives as unknown as Record<string, readonly [number, Codec<unknown>]>
  const byNumber = new Map(
    Object.entries(byName).map(([name, [number, codec]]) => [number, { name, codec }]),
  )
  return {
    write: (writer, value) => {
      const [number, codec] = byName[value[tag]] as readonly [number, Codec<unknown>]
      writer.u8(number)
      codec.write(writer, value)
    },
    read: reader => {
      const { offset } = reader
      const found = byNumber.get(reader.u8())
      if (found === undefined) throw malformed(`known ${tag}`, offset)
      return { [tag]: found.name, ...(found.codec.read(reader) as object) } as Value
    },
  }
}

/** A value that stands alone: its version first, nothing after it. */
export interface Versioned<Value> {
  encode(value: Value): Uint8Array<ArrayBuffer>
  decode(encoded: Uint8Array): Value
}

export function versioned<Value>(
  version: number,
  limitBytes: number,
  codec: Codec<Value>,
): Versioned<Value> {
  return {
    encode: value => {
      const writer = new BinaryWriter(limitBytes)
      writer.u8(version)
      codec.write(writer, value)
      return writer.finish()
    },
    decode: encoded => {
      const reader = new BinaryReader(encoded)
      if (encoded.length > limitBytes) throw tooLarge('encoding', encoded.length, limitBytes)
      if (reader.u8() !== version) throw malformed(`version ${version}`, 0)
      const value = codec.read(reader)
      reader.end()
      return value
    },
  }
}

function within(value: number, most: number, what: string): number {
  if (value > most) throw tooLarge(what, value, most)
  return value
}

const tooLarge = (what: string, size: number, limit: number): HoldfastError =>
  new HoldfastError(`Cannot encode or decode ${what}: ${size}, limit ${limit}`, {
    code: 'TOO_LARGE',
    what,
    size,
    limit,
  })

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
