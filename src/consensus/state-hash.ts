/**
 * A hash of a replicated state that follows each change at no cost: the sum of the hashes of its
 * parts, so that their order does not matter and one part is exchanged by a subtraction and an
 * addition. It finds replicas that diverged and snapshots that broke. It is no defence against
 * somebody who looks for collisions.
 */
export class StateHash {
  #low = 0
  #high = 0

  add(parts: readonly (number | Uint8Array)[]): void {
    const [low, high] = hashOf(parts)
    this.#low = (this.#low + low) | 0
    this.#high = (this.#high + high) | 0
  }

  remove(parts: readonly (number | Uint8Array)[]): void {
    const [low, high] = hashOf(parts)
    this.#low = (this.#low - low) | 0
    this.#high = (this.#high - high) | 0
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#high) + hex(this.#low)
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24)

/** Two words that depend on every bit of every part and on where the parts begin. */
function hashOf(parts: readonly (number | Uint8Array)[]): readonly [number, number] {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  const mix = (word: number): void => {
    low = Math.imul(low ^ word, 0xcc9e2d51)
    low ^= low >>> 15
    high = Math.imul(high + word, 0x1b873593)
    high ^= (high >>> 13) ^ low
  }
  for (const part of parts) {
    if (typeof part === 'number') {
      mix(part | 0)
      mix(Math.floor(part / 2 ** 32))
    } else {
      mix(part.length)
      const whole = part.length & ~3
      for (let at = 0; at < whole; at += 4) mix(wordAt(part, at))
      for (let at = whole; at < part.length; at++) mix(part[at] as number)
    }
  }
  mix(parts.length)
  mix(low)
  return [low, high]
}
