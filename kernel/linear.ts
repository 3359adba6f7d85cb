/**
 * Linear combinations over GF(2^8), in AssemblyScript: output i = Σ_j matrix[i][j] · input j. This
 * is all the arithmetic of erasure coding: encoding, decoding, repair and partial sums differ only
 * in the matrix.
 *
 * A product c·x is looked up by nibbles, c·x = c·(x & 15) ^ c·(x & 240), and one `swizzle` looks up
 * sixteen bytes at once. `tables` holds 32 bytes for each coefficient: 16 products with the low
 * nibble, then 16 with the high one. They come in the order in which they are read: by groups of up
 * to four outputs, then by input, then by output of the group.
 *
 * What makes it fast: indices are below 16, so the relaxed swizzle, which promises nothing beyond,
 * does the same in one instruction less; four outputs share each input that is loaded; columns are
 * worked off in tiles that stay in the first-level cache until all groups have read them.
 *
 * Nothing is checked here. `length` must be a multiple of 64 (a pass over one output writes 64
 * bytes at a time) and no output may overlap an input: `src/erasure/wasm-kernel.ts` sees to it.
 */

const TILE_BYTES: u32 = 1024
const GROUP: u32 = 4
const TABLE_BYTES: usize = 32

/** `inputs` and `outputs` point to arrays of u32 addresses. */
export function apply(
  tables: usize,
  inputs: usize,
  inputCount: u32,
  outputs: usize,
  outputCount: u32,
  length: u32,
): void {
  for (let from: u32 = 0; from < length; from += TILE_BYTES) {
    const to = min(from + TILE_BYTES, length)
    let table = tables
    for (let first: u32 = 0; first < outputCount; first += GROUP) {
      const size = min(outputCount - first, GROUP)
      const group = outputs + ((<usize>first) << 2)
      if (size == 4) combine4(table, inputs, inputCount, group, from, to)
      else if (size == 3) combine3(table, inputs, inputCount, group, from, to)
      else if (size == 2) combine2(table, inputs, inputCount, group, from, to)
      else combine1(table, inputs, inputCount, group, from, to)
      table += TABLE_BYTES * inputCount * size
    }
  }
}

// @ts-ignore: decorator
@inline
function address(pointers: usize, index: u32): usize {
  return load<u32>(pointers + ((<usize>index) << 2))
}

// @ts-ignore: decorator
@inline
function low(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15))
}

/** The shift crosses from byte to byte within a lane of 16 bits; the mask drops what came over. */
// @ts-ignore: decorator
@inline
function high(bytes: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15))
}

// @ts-ignore: decorator
@inline
function lookup(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices)
  return i8x16.swizzle(table, indices)
}

/** `sum` plus the coefficient at `table` times the bytes with these nibbles. */
// @ts-ignore: decorator
@inline
function add(sum: v128, table: usize, lows: v128, highs: v128): v128 {
  const product = v128.xor(
    lookup(v128.load(table), lows),
    lookup(v128.load(table, 16), highs),
  )
  return v128.xor(sum, product)
}

function combine4(table: usize, inputs: usize, k: u32, outputs: usize, from: u32, to: u32): void {
  const out0 = address(outputs, 0)
  const out1 = address(outputs, 1)
  const out2 = address(outputs, 2)
  const out3 = address(outputs, 3)
  for (let column: usize = from; column < to; column += 32) {
    let a0 = i8x16.splat(0), a1 = a0
    let b0 = a0, b1 = a0
    let c0 = a0, c1 = a0
    let d0 = a0, d1 = a0
    let t = table
    for (let j: u32 = 0; j < k; j++, t += 4 * TABLE_BYTES) {
      const input = address(inputs, j) + column
      const x = v128.load(input), y = v128.load(input, 16)
      const xl = low(x), xh = high(x), yl = low(y), yh = high(y)
      a0 = add(a0, t, xl, xh)
      a1 = add(a1, t, yl, yh)
      b0 = add(b0, t + 32, xl, xh)
      b1 = add(b1, t + 32, yl, yh)
      c0 = add(c0, t + 64, xl, xh)
      c1 = add(c1, t + 64, yl, yh)
      d0 = add(d0, t + 96, xl, xh)
      d1 = add(d1, t + 96, yl, yh)
    }
    v128.store(out0 + column, a0)
    v128.store(out0 + column, a1, 16)
    v128.store(out1 + column, b0)
    v128.store(out1 + column, b1, 16)
    v128.store(out2 + column, c0)
    v128.store(out2 + column, c1, 16)
    v128.store(out3 + column, d0)
    v128.store(out3 + column, d1, 16)
  }
}

function combine3(table: usize, inputs: usize, k: u32, outputs: usize, from: u32, to: u32): void {
  const out0 = address(outputs, 0)
  const out1 = address(outputs, 1)
  const out2 = address(outputs, 2)
  for (let column: usize = from; column < to; column += 32) {
    let a0 = i8x16.splat(0), a1 = a0
    let b0 = a0, b1 = a0
    let c0 = a0, c1 = a0
    let t = table
    for (let j: u32 = 0; j < k; j++, t += 3 * TABLE_BYTES) {
      const input = address(inputs, j) + column
      const x = v128.load(input), y = v128.load(input, 16)
      const xl = low(x), xh = high(x), yl = low(y), yh = high(y)
      a0 = add(a0, t, xl, xh)
      a1 = add(a1, t, yl, yh)
      b0 = add(b0, t + 32, xl, xh)
      b1 = add(b1, t + 32, yl, yh)
      c0 = add(c0, t + 64, xl, xh)
      c1 = add(c1, t + 64, yl, yh)
    }
    v128.store(out0 + column, a0)
    v128.store(out0 + column, a1, 16)
    v128.store(out1 + column, b0)
    v128.store(out1 + column, b1, 16)
    v128.store(out2 + column, c0)
    v128.store(out2 + column, c1, 16)
  }
}

function combine2(table: usize, inputs: usize, k: u32, outputs: usize, from: u32, to: u32): void {
  const out0 = address(outputs, 0)
  const out1 = address(outputs, 1)
  for (let column: usize = from; column < to; column += 32) {
    let a0 = i8x16.splat(0), a1 = a0
    let b0 = a0, b1 = a0
    let t = table
    for (let j: u32 = 0; j < k; j++, t += 2 * TABLE_BYTES) {
      const input = address(inputs, j) + column
      const x = v128.load(input), y = v128.load(input, 16)
      const xl = low(x), xh = high(x), yl = low(y), yh = high(y)
      a0 = add(a0, t, xl, xh)
      a1 = add(a1, t, yl, yh)
      b0 = add(b0, t + 32, xl, xh)
      b1 = add(b1, t + 32, yl, yh)
    }
    v128.store(out0 + column, a0)
    v128.store(out0 + column, a1, 16)
    v128.store(out1 + column, b0)
    v128.store(out1 + column, b1, 16)
  }
}

function combine1(table: usize, inputs: usize, k: u32, outputs: usize, from: u32, to: u32): void {
  const out0 = address(outputs, 0)
  for (let column: usize = from; column < to; column += 64) {
    let a0 = i8x16.splat(0), a1 = a0, a2 = a0, a3 = a0
    let t = table
    for (let j: u32 = 0; j < k; j++, t += TABLE_BYTES) {
      const input = address(inputs, j) + column
      const x = v128.load(input), y = v128.load(input, 16)
      const z = v128.load(input, 32), w = v128.load(input, 48)
      a0 = add(a0, t, low(x), high(x))
      a1 = add(a1, t, low(y), high(y))
      a2 = add(a2, t, low(z), high(z))
      a3 = add(a3, t, low(w), high(w))
    }
    v128.store(out0 + column, a0)
    v128.store(out0 + column, a1, 16)
    v128.store(out0 + column, a2, 32)
    v128.store(out0 + column, a3, 48)
  }
}
