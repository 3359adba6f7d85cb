import { hkdfSync } from 'node:crypto'

const KEY_BYTES = 32

/** A key for one purpose out of another one, which it says nothing about (RFC 5869). */
export const derivedKey = (key: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), `holdfast ${purpose}`, KEY_BYTES))
