import type { ComponentChildren, TargetedKeyboardEvent, VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

import { scrollFor, windowOf } from '../logic/virtual-list.ts'

/** A column of a table. */
export interface Column<Row> {
  readonly name: string
  /** A track of a CSS grid, such as `2fr` or `90px`. */
  readonly width: string
  readonly align?: 'end'
  /** Left out on narrow screens: the page of the row has it. */
  readonly isWideOnly?: boolean
  readonly cell: (row: Row) => ComponentChildren
  /** What rows are sorted by, if they can be. */
  readonly order?: (row: Row) => number | string
}

export interface TableProps<Row> {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly idOf: (row: Row) => string
  /** Enter on a row, or a click on it. */
  readonly onOpen?: (row: Row) => void
  /** Called when the end comes near, for lists that are read in pages. */
  readonly onEnd?: () => void
  readonly tallCss?: string
  readonly initialSort?: string
}

const ROW_PX = 36
const END_ROWS = 40

interface Sorting {
  readonly column: string
  readonly isDown: boolean
}

/** A table of any length: only what is in sight is in the page. Arrows move, Enter opens. */
export function Table<Row>(props: TableProps<Row>): VNode {
  const { label, columns, idOf, onOpen, tallCss = '60dvh' } = props
  const [sorting, sort] = useState<Sorting>({ column: props.initialSort ?? '', isDown: false })
  const rows = sorted(props.rows, columns, sorting)
  const scroller = useRef<HTMLDivElement>(null)
  const [focused, focus] = useState(0)
  const [view, look] = useState({ scrollPx: 0, viewPx: 600 })
  const list = { count: rows.length, rowPx: ROW_PX, ...view }
  const { first, end, totalPx } = windowOf(list)

  const measure = (): void => {
    const { scrollTop = 0, clientHeight = 600 } = scroller.current ?? {}
    if (scrollTop !== view.scrollPx || clientHeight !== view.viewPx)
      look({ scrollPx: scrollTop, viewPx: clientHeight })
  }
  useLayoutEffect(measure, [rows.length])
  useLayoutEffect(() => {
    if (end >= rows.length - END_ROWS) props.onEnd?.()
  }, [end, rows.length])

  const moveTo = (row: number): void => {
    const wanted = Math.min(Math.max(row, 0), rows.length - 1)
    if (scroller.current !== null) scroller.current.scrollTop = scrollFor(wanted, list)
    focus(wanted)
    measure()
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[aria-rowindex="${wanted + 2}"]`)?.focus(),
    )
  }
  const onKey = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    const to = destinationOf(event.key, focused, rows.length)
    const row = rows[focused]
    if (to !== undefined) moveTo(to)
    else if (
      event.key === 'Enter' &&
      event.target === event.currentTarget.querySelector(':focus[role="row"]') &&
      row
    )
      onOpen?.(row)
    else return
    event.preventDefault()
  }

  return (
    <div
      class="table"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      style={{ ...tracksOf(columns), '--tall': tallCss }}
    >
      <Headings columns={columns} sorting={sorting} sort={sort} />
      <div class="rows" role="rowgroup" ref={scroller} onScroll={measure} onKeyDown={onKey}>
        <div class="tall" role="presentation" style={{ height: `${totalPx}px` }}>
          {rows.slice(first, end).map((row, offset) => {
            const at = first + offset
            return (
              <div
                key={idOf(row)}
                role="row"
                aria-rowindex={at + 2}
                tabIndex={
                  at === Math.min(focused, rows.length - 1) ||
                  (offset === 0 && (focused < first || focused >= end))
                    ? 0
                    : -1
                }
                style={{ top: `${at * ROW_PX}px` }}
                data-open={onOpen === undefined ? undefined : ''}
                onFocus={() => focus(at)}
                onClick={event => {
                  if (!isControl(event.target)) onOpen?.(row)
                }}
              >
                {columns.map(column => (
                  <span
                    key={column.name}
                    role="gridcell"
                    data-align={column.align}
                    data-least={leastOf(column)}
                  >
                    {column.cell(row)}
                  </span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}

interface HeadingsProps<Row> {
  readonly columns: readonly Column<Row>[]
  readonly sorting: Sorting
  readonly sort: (sorting: Sorting) => void
}

function Headings<Row>({ columns, sorting, sort }: HeadingsProps<Row>): VNode {
  return (
    <div class="headings" role="rowgroup">
      <div role="row" aria-rowindex={1}>
        {columns.map(({ name, align, order, isWideOnly }) => {
          const isSorted = sorting.column === name
          const direction = sorting.isDown ? 'descending' : 'ascending'
          return (
            <span
              key={name}
              role="columnheader"
              data-align={align}
              data-least={leastOf({ isWideOnly: isWideOnly ?? false })}
              aria-sort={isSorted ? direction : undefined}
            >
              {order === undefined ? (
                name
              ) : (
                <button
                  type="button"
                  onClick={() => sort({ column: name, isDown: isSorted && !sorting.isDown })}
                >
                  {name}
                  <span aria-hidden="true">{isSorted ? (sorting.isDown ? '↓' : '↑') : ''}</span>
                </button>
              )}
            </span>
          )
        })}
      </div>
    </div>
  )
}

const leastOf = ({ isWideOnly }: { readonly isWideOnly?: boolean }): string | undefined =>
  isWideOnly === true ? 'wide' : undefined

function tracksOf(columns: readonly Column<never>[]): Record<string, string> {
  const narrow = columns.filter(({ isWideOnly }) => isWideOnly !== true)
  return {
    '--columns': columns.map(({ width }) => trackOf(width)).join(' '),
    '--columns-narrow': narrow.map(({ width }) => trackOf(width)).join(' '),
  }
}

/** A share may become as narrow as it must. */
const trackOf = (width: string): string => (width.endsWith('fr') ? `minmax(0, ${width})` : width)

function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { column, isDown }: Sorting,
): readonly Row[] {
  const order = columns.find(({ name }) => name === column)?.order
  if (order === undefined) return rows
  const sign = isDown ? -1 : 1
  return rows.toSorted((one, other) => sign * compare(order(one), order(other)))
}

function compare(one: number | string, other: number | string): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  return String(one).localeCompare(String(other), 'en', { numeric: true })
}

/** Where a key leads from a row; undefined if nowhere. */
function destinationOf(key: string, row: number, count: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + 12,
    PageUp: row - 12,
    Home: 0,
    End: count - 1,
  }
  return steps[key]
}

/** Links and buttons in a row do what they say. */
const isControl = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('a, button, input, label') !== null
