import { createHash } from 'node:crypto'

/**
 * Where Kademlia has a peer: at the SHA-256 of its id's bytes. Two peers are the nearer the more of
 * the leading bits of their places are equal.
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Places that are remembered: ids never change theirs. */
const KNOWN_MAX = 10_000
const known = new Map<string, Uint8Array>()

/** How many leading bits the places of two peers share; 256 for one and the same. */
export function sharedBits(one: string, other: string): number {
  const [a, b] = [placeOf(one), placeOf(other)]
  const at = a.findIndex((byte, index) => byte !== b[index])
  return at < 0 ? a.length * 8 : at * 8 + Math.clz32((a[at] as number) ^ (b[at] as number)) - 24
}

function placeOf(peer: string): Uint8Array {
  const before = known.get(peer)
  if (before !== undefined) return before
  const place = new Uint8Array(createHash('sha256').update(fromBase58(peer)).digest())
  const [oldest] = known.keys()
  if (known.size >= KNOWN_MAX && oldest !== undefined) known.delete(oldest)
  known.set(peer, place)
  return place
}

/** What is no base58 stands for its own letters: it has a place too. */
function fromBase58(text: string): Uint8Array {
  let value = 0n
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter)
    if (digit < 0) return new TextEncoder().encode(text)
    value = value * 58n + BigInt(digit)
  }
  const digits = value === 0n ? '' : value.toString(16)
  const zeros = '00'.repeat(/^1*/.exec(text)?.[0].length ?? 0)
  return Buffer.from(zeros + (digits.length % 2 === 0 ? digits : `0${digits}`), 'hex')
}
