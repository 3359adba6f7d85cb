const PAGE_BYTES = 65_536
const zeros = Buffer.alloc(PAGE_BYTES)

/** Bytes that grow on demand, of which runs of zeros take no room: most of a disk is preallocated. */
export class SparseBytes {
  size = 0
  readonly #pages = new Map<number, Uint8Array>()

  put(position: number, bytes: Uint8Array): void {
    for (const { page, from, part } of pieces(position, bytes)) {
      if (!this.#pages.has(page) && zeros.subarray(0, part.length).equals(part)) continue
      this.#page(page).set(part, from)
    }
    this.size = Math.max(this.size, position + bytes.length)
  }

  /** Fills `into` with what is there. */
  read(into: Uint8Array, position: number): void {
    for (const { page, from, part } of pieces(position, into)) {
      const found = this.#pages.get(page)
      if (found === undefined) part.fill(0)
      else part.set(found.subarray(from, from + part.length))
    }
  }

  byteAt(position: number): number {
    return this.#pages.get(Math.floor(position / PAGE_BYTES))?.[position % PAGE_BYTES] ?? 0
  }

  setByte(position: number, byte: number): void {
    this.#page(Math.floor(position / PAGE_BYTES))[position % PAGE_BYTES] = byte
  }

  /** What is cut off is gone; what is added is zeros. */
  truncate(sizeBytes: number): void {
    const last = Math.floor(sizeBytes / PAGE_BYTES)
    for (const page of this.#pages.keys()) if (page > last) this.#pages.delete(page)
    this.#pages.get(last)?.fill(0, sizeBytes % PAGE_BYTES)
    this.size = sizeBytes
  }

  copyFrom(other: SparseBytes): void {
    this.#pages.clear()
    for (const [page, bytes] of other.#pages) this.#pages.set(page, bytes.slice())
    this.size = other.size
  }

  #page(page: number): Uint8Array {
    const known = this.#pages.get(page)
    if (known !== undefined) return known
    const made = new Uint8Array(PAGE_BYTES)
    this.#pages.set(page, made)
    return made
  }
}

/** The parts of some bytes that lie in one page each. */
function* pieces(
  position: number,
  bytes: Uint8Array,
): Generator<{ readonly page: number; readonly from: number; readonly part: Uint8Array }> {
  for (let at = 0; at < bytes.length;) {
    const from = (position + at) % PAGE_BYTES
    const part = bytes.subarray(at, at + PAGE_BYTES - from)
    yield { page: Math.floor((position + at) / PAGE_BYTES), from, part }
    at += part.length
  }
}
