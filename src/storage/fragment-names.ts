/**
 * How fragments are named and what proves their cells: `erasure` knows, `node` passes it in, for
 * storage and cores do not import each other. An id is 36 bytes whose last 32 are the root; its text
 * has 59 characters, none of which means anything to a file system. For one thread.
 */
export interface FragmentNames {
  /** @throws {HoldfastError} `MALFORMED` or `HASH_UNKNOWN` for what is not the text of an id */
  decode(text: string): Uint8Array
  encode(id: Uint8Array): string
  /** The digest that stands for the cell at `framed[LEAF_ROOM_BYTES…]`; overwrites what is before. */
  leaf(id: Uint8Array, index: number, framed: Uint8Array): Uint8Array
  /** The digest of all leaves, one after another. */
  root(id: Uint8Array, leaves: Uint8Array): Uint8Array
  /** The bare hash that the id names. */
  hash(id: Uint8Array, bytes: Uint8Array): Uint8Array
}

export const ID_BYTES = 36
export const DIGEST_BYTES = 32
/** Room that `leaf` needs before a cell. */
export const LEAF_ROOM_BYTES = 9

/** An id as the key of a map: a character for each byte, the cheapest text there is. */
export const textOf = (id: Uint8Array): string =>
  Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')

/** The root in an id. */
export const digestIn = (id: Uint8Array): Uint8Array => id.subarray(ID_BYTES - DIGEST_BYTES)
