import type { MatrixSegment, MatrixView } from '../../../src/gateway/console/views/fragments.ts'
import { type CellState, marginOf, statesOf, type Without } from '../../logic/loss.ts'
import { cellAt, type Grid } from '../../logic/matrix-grid.ts'
import { colorOf } from '../../parts/chart.tsx'
import { peerText } from '../../parts/name.tsx'
import type { CellName } from './matrix.tsx'

/**
 * Draws the matrix. Each state has a colour and a figure of its own: full, with a point, striped,
 * crossed out, hollow; so it can be read without any colour.
 */
export interface Picture {
  readonly view: MatrixView
  readonly grid: Grid
  readonly widthPx: number
  readonly without: Without
  readonly touched: ReadonlyMap<number, ReadonlyMap<number, number>> | undefined
  readonly selected: CellName | undefined
}

interface Palette {
  readonly data: string
  readonly parity: string
  readonly warn: string
  readonly bad: string
  readonly idle: string
  readonly text: string
  readonly soft: string
  readonly ink: string
  readonly touch: string
  readonly font: string
}

const GAP_PX = 1.5
const ROUND_PX_MIN = 12
/** Narrower cells have no room for names. */
const NAME_PX_MIN = 42

function paletteOf(element: Element): Palette {
  const color = (name: string): string => colorOf(element, name)
  return {
    data: color('--cell-data'),
    parity: color('--cell-parity'),
    warn: color('--warn'),
    bad: color('--bad'),
    idle: color('--idle'),
    text: color('--text'),
    soft: color('--text-soft'),
    ink: color('--surface'),
    touch: color('--series-3'),
    font: getComputedStyle(element).fontFamily,
  }
}

export function drawMatrix(canvas: HTMLCanvasElement, picture: Picture): void {
  const { view, grid, widthPx } = picture
  const scale = devicePixelRatio
  canvas.width = Math.round(widthPx * scale)
  canvas.height = Math.round(grid.heightPx * scale)
  canvas.style.width = `${widthPx}px`
  canvas.style.height = `${grid.heightPx}px`
  const context = canvas.getContext('2d')
  if (context === null) return
  context.scale(scale, scale)
  const palette = paletteOf(canvas.parentElement ?? canvas)
  for (const [at, row] of view.segments.entries()) drawStrip(context, palette, { picture, row, at })
}

interface Strip {
  readonly picture: Picture
  readonly row: MatrixSegment
  readonly at: number
}

function drawStrip(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { picture, row, at }: Strip,
): void {
  const { view, grid, without, touched, selected } = picture
  const states = statesOf(row, view.holders, without)
  drawHead(context, palette, { picture, row, at, margin: marginOf(row, states) })
  const columns = touched?.get(row.segment)
  for (const [index, state] of states.entries()) {
    const { x, y } = cellAt(grid, { at, index, k: row.k })
    const box = {
      x: x + GAP_PX / 2,
      y: y + GAP_PX / 2,
      width: grid.stripPx - GAP_PX - (grid.stripPx > 20 ? 3 : 0),
      height: grid.cellPx - GAP_PX,
    }
    const isTouched = columns?.has(index) === true
    context.globalAlpha = touched === undefined || isTouched ? 1 : 0.3
    drawCell(context, palette, { box, state, isData: index < row.k })
    const holder = view.holders[row.cells[index] ?? -1]
    if (box.width >= NAME_PX_MIN && grid.cellPx >= 16 && holder !== undefined)
      drawName(context, palette, { box, state, name: peerText(holder), isData: index < row.k })
    context.globalAlpha = 1
    const isSelected = selected?.segment === row.segment && selected.index === index
    if (isSelected || isTouched) frame(context, box, isSelected ? palette.text : palette.touch)
  }
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function drawHead(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { picture: { grid }, row, at, margin }: Strip & { readonly margin: number },
): void {
  // Where strips are narrow only some have room for their number.
  const every = Math.ceil(26 / grid.stripPx)
  const { x, y } = cellAt(grid, { at, index: 0, k: 1 })
  context.font = `10px ${palette.font}`
  const isHurt = margin < row.m
  if (isHurt && margin >= 0) context.fillStyle = palette.warn
  else context.fillStyle = margin < 0 ? palette.bad : palette.soft
  if ((at % grid.perBand) % every === 0 || grid.stripPx > 26)
    context.fillText(
      grid.stripPx > 70 ? `segment ${row.segment}` : String(row.segment),
      x + 1,
      y - 5,
    )
  if (isHurt) context.fillRect(x + GAP_PX / 2, y - 3, grid.stripPx - GAP_PX, margin < 0 ? 3 : 1.5)
}

interface Cell {
  readonly box: Box
  readonly state: CellState
  readonly isData: boolean
}

function drawCell(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { box, state, isData }: Cell,
): void {
  const { x, y, width, height } = box
  const base = isData ? palette.data : palette.parity
  context.lineWidth = 1.4
  switch (state) {
    case 'there':
      fill(context, box, base)
      return
    case 'unsure':
      fill(context, box, base)
      context.fillStyle = palette.warn
      context.fillRect(x, y, width, Math.max(2, height / 3))
      return
    case 'draining':
      fill(context, box, base)
      context.fillStyle = palette.idle
      context.fillRect(x, y + height - Math.max(2, height / 3), width, Math.max(2, height / 3))
      return
    case 'repairing':
      outline(context, box, palette.warn)
      context.fillStyle = palette.warn
      context.fillRect(x + 2, y + height / 2 - 1.5, width - 4, 3)
      return
    case 'missing':
      outline(context, box, palette.bad)
      return
    case 'dead':
    case 'lost':
      outline(context, box, palette.bad)
      context.strokeStyle = palette.bad
      context.beginPath()
      context.moveTo(x + 1.5, y + 1.5)
      context.lineTo(x + width - 1.5, y + height - 1.5)
      context.moveTo(x + width - 1.5, y + 1.5)
      context.lineTo(x + 1.5, y + height - 1.5)
      context.stroke()
  }
}

function fill(
  context: CanvasRenderingContext2D,
  { x, y, width, height }: Box,
  color: string,
): void {
  context.fillStyle = color
  // Nobody sees the corners of a cell this small, but ten thousand take their time.
  if (height < ROUND_PX_MIN) return context.fillRect(x, y, width, height)
  context.beginPath()
  context.roundRect(x, y, width, height, Math.min(3, height / 4))
  return context.fill()
}

function outline(context: CanvasRenderingContext2D, box: Box, color: string): void {
  context.strokeStyle = color
  context.beginPath()
  const { x, y, width, height } = box
  context.roundRect(x + 0.7, y + 0.7, width - 1.4, height - 1.4, Math.min(3, height / 4))
  context.stroke()
}

function frame(context: CanvasRenderingContext2D, box: Box, color: string): void {
  context.lineWidth = 2
  context.strokeStyle = color
  context.strokeRect(box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1)
}

function drawName(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { box, state, name, isData }: Cell & { readonly name: string },
): void {
  const isFull = state === 'there' || state === 'unsure' || state === 'draining'
  context.font = `11px ${palette.font}`
  context.fillStyle = isFull && isData ? palette.ink : palette.text
  context.save()
  context.beginPath()
  context.rect(box.x, box.y, box.width - 4, box.height)
  context.clip()
  if (!isFull) {
    // A name is not read through a cross.
    context.fillStyle = palette.ink
    const { width } = context.measureText(name)
    context.fillRect(box.x + 4, box.y + 3, Math.min(width + 4, box.width - 8), box.height - 6)
    context.fillStyle = palette.text
  }
  context.fillText(`\u2068${name}\u2069`, box.x + 5, box.y + box.height / 2 + 4)
  context.restore()
}
