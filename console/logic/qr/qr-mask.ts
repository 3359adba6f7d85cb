/** The masks of a QR code, and how badly a picture would be read (ISO/IEC 18004, 7.8). */
export interface Mask {
  readonly number: number
  inverts(row: number, column: number): boolean
}

const rules: readonly ((row: number, column: number) => number)[] = [
  (row, column) => (row + column) % 2,
  row => row % 2,
  (_, column) => column % 3,
  (row, column) => (row + column) % 3,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2,
  (row, column) => ((row * column) % 2) + ((row * column) % 3),
  (row, column) => (((row * column) % 2) + ((row * column) % 3)) % 2,
  (row, column) => (((row + column) % 2) + ((row * column) % 3)) % 2,
]

export const masks: readonly Mask[] = rules.map((rule, number) => ({
  number,
  inverts: (row, column) => rule(row, column) === 0,
}))

interface Picture {
  readonly size: number
  isDark(row: number, column: number): boolean
}

/** What a finder pattern looks like in one line, light on one side or the other. */
const finderLike = ['00001011101', '10111010000']

export function penaltyOf(picture: Picture): number {
  const { size } = picture
  let penalty = 0
  let dark = 0
  for (let line = 0; line < size; line++) {
    let [across, down] = ['', '']
    for (let at = 0; at < size; at++) {
      across += picture.isDark(line, at) ? '1' : '0'
      down += picture.isDark(at, line) ? '1' : '0'
    }
    dark += across.replaceAll('0', '').length
    penalty += lineCost(across) + lineCost(down)
  }
  const share = dark / size ** 2
  return penalty + blockCost(picture) + Math.floor(Math.abs(share - 0.5) * 20) * 10
}

function lineCost(line: string): number {
  const runs = line.match(/0{5,}|1{5,}/g) ?? []
  const cost = runs.reduce((sum, run) => sum + run.length - 2, 0)
  const finders = finderLike.reduce((sum, text) => sum + line.split(text).length - 1, 0)
  return cost + finders * 40
}

function blockCost(picture: Picture): number {
  let blocks = 0
  for (let row = 0; row + 1 < picture.size; row++)
    for (let column = 0; column + 1 < picture.size; column++) {
      const first = picture.isDark(row, column)
      const isBlock =
        picture.isDark(row, column + 1) === first &&
        picture.isDark(row + 1, column) === first &&
        picture.isDark(row + 1, column + 1) === first
      if (isBlock) blocks++
    }
  return blocks * 3
}
