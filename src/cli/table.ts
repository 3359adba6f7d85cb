/**
 * Columns as wide as what is in them; the last one as it is. What peers say of themselves may hold
 * anything, so only what a terminal prints as text gets through.
 */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [headers, ...rows.map(row => row.map(printable))]
  const widths = headers.map((_, column) =>
    Math.max(...cells.map(row => (row[column] ?? '').length)),
  )
  return cells
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The text without what would steer a terminal, or turn its direction. */
export const printable = (text: string): string => text.replace(/\p{C}/gu, '\uFFFD')

/** A JSON array on standard output whose items come bit by bit. */
export class JsonArray {
  #isOpen = false

  print(items: readonly unknown[]): void {
    for (const item of items) {
      process.stdout.write(`${this.#isOpen ? ',\n' : '['}${JSON.stringify(item)}`)
      this.#isOpen = true
    }
  }

  end(): void {
    process.stdout.write(this.#isOpen ? ']\n' : '[]\n')
  }
}
