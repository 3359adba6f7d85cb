/** A number that was promised: what came out, and whether it holds. */
export interface Verdict {
  readonly what: string
  readonly value: number
  readonly limit: number
  readonly relation: '≤' | '≥'
  readonly holds: boolean
}

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const seconds = (ms: number): string => (ms / 1_000).toFixed(2)

export function verdict(what: string, value: number, relation: '≤' | '≥', limit: number): Verdict {
  const holds = relation === '≤' ? value <= limit : value >= limit
  return { what, value, limit, relation, holds }
}

export function printVerdicts(verdicts: readonly Verdict[]): void {
  const width = Math.max(...verdicts.map(({ what }) => what.length))
  console.log('\ntargets')
  for (const { what, value, limit, relation, holds } of verdicts) {
    const number = Number.isInteger(value) ? String(value) : value.toFixed(2)
    const mark = holds ? 'held' : 'MISSED'
    console.log(`  ${what.padEnd(width)} ${number.padStart(10)}  ${relation} ${limit}  ${mark}`)
  }
}

/** Prints a table line by line, for each may take a while; its columns are as wide as their heads. */
export function openTable(
  title: string,
  heads: readonly string[],
): (cells: readonly string[]) => void {
  const print = (cells: readonly string[]): void =>
    console.log(`  ${cells.map((cell, at) => cell.padStart(heads[at]?.length ?? 0)).join('  ')}`)
  console.log(`\n${title}`)
  print(heads)
  return print
}
