import type { Plot } from './experiment.ts'
import { said } from './experiment.ts'

const [WIDTH, HEIGHT] = [720, 360]
const FRAME = { left: 76, right: 160, top: 36, bottom: 52 } as const
const TICKS = 5
const colors = ['#0b6e99', '#c0392b', '#2e8b57', '#8e5ea2', '#d68910', '#555555'] as const

/** A scale from values to places: straight, or by powers of ten. */
interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** A plot as a picture that needs nothing else: it is shown wherever the report is. */
export function draw({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap(line => line.points)
  const across = scale(
    points.map(([value]) => value),
    [FRAME.left, WIDTH - FRAME.right],
    x.isLogarithmic,
  )
  const up = scale(
    points.map(([, value]) => value),
    [HEIGHT - FRAME.bottom, FRAME.top],
    y.isLogarithmic,
  )
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(FRAME.left, 20, title, 'font-size="14" font-weight="bold"'),
    ...up.ticks.map(value => horizontal(value, up)),
    ...across.ticks.map(value =>
      text(across.at(value), HEIGHT - FRAME.bottom + 18, said(value), 'text-anchor="middle"'),
    ),
    text((FRAME.left + WIDTH - FRAME.right) / 2, HEIGHT - 12, x.label, 'text-anchor="middle"'),
    `<g transform="rotate(-90 16 ${HEIGHT / 2})">${text(16, HEIGHT / 2, y.label, 'text-anchor="middle"')}</g>`,
    ...lines.flatMap((line, at) => drawLine(line, at, across, up)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function scale(
  values: readonly number[],
  [from, to]: readonly [number, number],
  isLogarithmic = false,
): Scale {
  const found = values.filter(value => Number.isFinite(value) && (!isLogarithmic || value > 0))
  const [least, most] = [Math.min(...found), Math.max(...found)]
  if (isLogarithmic) {
    const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))]
    const span = Math.max(1, high - low)
    const ticks = Array.from({ length: span + 1 }, (_, at) => 10 ** (low + at))
    return { ticks, at: value => from + ((Math.log10(value) - low) / span) * (to - from) }
  }
  const low = Math.min(0, least)
  const step = niceStep((most - low) / TICKS)
  const high = Math.max(low + step, Math.ceil(most / step) * step)
  const count = Math.round((high - low) / step)
  const ticks = Array.from({ length: count + 1 }, (_, at) =>
    Number((low + at * step).toPrecision(6)),
  )
  return { ticks, at: value => from + ((value - low) / (high - low)) * (to - from) }
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least: number): number {
  if (!(least > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5, 10].find(times => times * power >= least) ?? 10) * power
}

function horizontal(value: number, up: Scale): string {
  const y = round(up.at(value))
  const line = `<line x1="${FRAME.left}" x2="${WIDTH - FRAME.right}" y1="${y}" y2="${y}" stroke="#dddddd"/>`
  return line + text(FRAME.left - 8, y + 4, said(value), 'text-anchor="end"')
}

function drawLine(
  { name, points }: Plot['lines'][number],
  at: number,
  across: Scale,
  up: Scale,
): readonly string[] {
  const color = colors[at % colors.length]
  const places = points
    .filter(point => point.every(Number.isFinite))
    .map(([x, y]) => [round(across.at(x)), round(up.at(y))])
  const path = places.map(place => place.join(',')).join(' ')
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${color}"/>`),
    `<rect x="${WIDTH - FRAME.right + 14}" y="${FRAME.top + at * 20}" width="12" height="4" fill="${color}"/>`,
    text(WIDTH - FRAME.right + 32, FRAME.top + 6 + at * 20, name),
  ]
}

const round = (value: number): number => Math.round(value * 10) / 10

const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${round(x)}" y="${round(y)}" ${more} fill="#222222">${escaped(words)}</text>`

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
