import { type Findings, said, type Table } from './experiment.ts'

/** All that was found, by the name of the experiment. */
export type Results = Readonly<Record<string, Findings>>

/**
 * The report: its text with what it cites put in. `{{name.value}}` is a number, `{{table name.table}}`
 * a table, `{{plot name.plot}}` a picture.
 * @throws what is cited was not found
 */
export function render(template: string, results: Results): string {
  return template.replaceAll(
    /\{\{(?:(table|plot) )?([\w-]+)\.([\w-]+)\}\}/g,
    (cited, kind, name, what) => {
      const found = results[name]
      if (kind === 'plot' && found?.plots[what] !== undefined)
        return `![${found.plots[what].title}](report/${name}-${what}.svg)`
      if (kind === 'table' && found?.tables[what] !== undefined) return tableOf(found.tables[what])
      const value = kind === undefined ? found?.values[what] : undefined
      if (value === undefined) throw new Error(`the report cites ${cited}, which was not measured`)
      return said(value)
    },
  )
}

const line = (cells: readonly (number | string)[]): string => `| ${cells.map(said).join(' | ')} |`

const tableOf = ({ head, rows }: Table): string =>
  [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
