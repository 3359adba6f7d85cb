import { useSignal } from '@preact/signals'
import type { TargetedKeyboardEvent, TargetedMouseEvent, VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'

import type { MatrixView } from '../../../src/gateway/console/views/fragments.ts'
import { counted } from '../../logic/format.ts'
import { statesOf, type Without } from '../../logic/loss.ts'
import { cellUnder, type Grid, gridOf } from '../../logic/matrix-grid.ts'
import { peerText } from '../../parts/name.tsx'
import { drawMatrix } from './draw-matrix.ts'
import { stateNames } from './state-names.ts'

/** A fragment of a segment. */
export interface CellName {
  readonly segment: number
  readonly index: number
}

export interface MatrixProps {
  readonly view: MatrixView
  readonly without: Without
  /** By segment, the columns that a read touches. */
  readonly touched: ReadonlyMap<number, ReadonlyMap<number, number>> | undefined
  readonly selected: CellName | undefined
  readonly select: (cell: CellName) => void
}

/** The placement of an object as one picture; arrows go from cell to cell, and each says what it is. */
export function Matrix({ view, without, touched, selected, select }: MatrixProps): VNode {
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useSignal(0)
  const redraw = useSignal(0)
  const pointed = useSignal<CellName | undefined>(undefined)
  const fragments = Math.max(1, ...view.segments.map(({ cells }) => cells.length))
  const widthPx = width.value
  const grid = gridOf({ widthPx, segments: view.segments.length, fragments })

  useLayoutEffect(() => {
    const element = canvas.current?.parentElement
    if (element === null || element === undefined) return undefined
    width.value = element.clientWidth
    const sizes = new ResizeObserver(() => (width.value = element.clientWidth))
    sizes.observe(element)
    return () => sizes.disconnect()
  }, [])
  useEffect(() => watchTheme(() => redraw.value++), [])
  useLayoutEffect(() => {
    if (canvas.current !== null && widthPx > 0)
      drawMatrix(canvas.current, { view, grid, widthPx, without, touched, selected })
  }, [view, without, touched, selected, widthPx, redraw.value])

  const under = (event: TargetedMouseEvent<HTMLCanvasElement>): CellName | undefined => {
    const cell = cellUnder(grid, event.offsetX, event.offsetY, at => view.segments[at]?.k ?? 0)
    return cell === undefined ? undefined : nameOf(view, cell.at, cell.index)
  }
  const onKey = (event: TargetedKeyboardEvent<HTMLCanvasElement>): void => {
    const next = neighbour(view, grid, selected, event.key)
    if (next === undefined) return
    event.preventDefault()
    select(next)
  }
  const told = selected ?? pointed.value
  return (
    <div class="matrix">
      <p id="matrix-cell" class="soft told" aria-live="polite">
        {textOf(view, pointed.value ?? told, without)}
      </p>
      <canvas
        ref={canvas}
        role="img"
        tabIndex={0}
        aria-label={`${counted(view.segments.length, 'segment')}, each a strip of fragments. Arrow keys go from one to the next.`}
        aria-describedby="matrix-cell"
        onKeyDown={onKey}
        onMouseMove={event => (pointed.value = under(event))}
        onMouseLeave={() => (pointed.value = undefined)}
        onClick={event => {
          const cell = under(event)
          if (cell !== undefined) select(cell)
        }}
      />
    </div>
  )
}

function watchTheme(act: () => void): () => void {
  const theme = new MutationObserver(act)
  theme.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', act)
  return () => {
    theme.disconnect()
    scheme.removeEventListener('change', act)
  }
}

function nameOf(view: MatrixView, at: number, index: number): CellName | undefined {
  const row = view.segments[at]
  return row === undefined || index >= row.cells.length
    ? undefined
    : { segment: row.segment, index }
}

/** Left and right to other segments, up and down to other fragments. */
function neighbour(
  view: MatrixView,
  { perBand }: Grid,
  from: CellName | undefined,
  key: string,
): CellName | undefined {
  const at = view.segments.findIndex(({ segment }) => segment === from?.segment)
  if (from === undefined || at < 0) return key.startsWith('Arrow') ? nameOf(view, 0, 0) : undefined
  const steps: Record<string, readonly [number, number]> = {
    ArrowLeft: [at - 1, from.index],
    ArrowRight: [at + 1, from.index],
    ArrowUp: [at, from.index - 1],
    ArrowDown: [at, from.index + 1],
    PageUp: [at - perBand, from.index],
    PageDown: [at + perBand, from.index],
    Home: [0, from.index],
    End: [view.segments.length - 1, from.index],
  }
  const [to = -1, index = -1] = steps[key] ?? []
  return index < 0 ? undefined : nameOf(view, to, index)
}

function textOf(view: MatrixView, cell: CellName | undefined, without: Without): string {
  const row = view.segments.find(({ segment }) => segment === cell?.segment)
  if (cell === undefined || row === undefined)
    return 'Point at a cell, or choose one, to see what it is.'
  const holder = view.holders[row.cells[cell.index] ?? -1]
  const state = statesOf(row, view.holders, without)[cell.index] ?? 'missing'
  const kind = cell.index < row.k ? 'data' : 'parity'
  const where = holder === undefined ? '' : ` on ${peerText(holder)}`
  return `Segment ${cell.segment}, fragment ${cell.index} (${kind})${where}: ${stateNames[state]}.`
}
