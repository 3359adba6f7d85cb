import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'

import { clockTime } from '../logic/format.ts'

interface Series {
  readonly name: string
  readonly values: readonly (number | null)[]
  /** A custom property of the style sheet. */
  readonly color: string
}

export interface ChartProps {
  readonly label: string
  readonly atMs: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  readonly heightPx?: number
  /** Charts of one group show the same moment. */
  readonly group?: string
}

/** Lines over time. What they say is in the legend too, in numbers. */
export function Chart({ label, atMs, series, format, heightPx = 180, group }: ChartProps): VNode {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const shape = series.map(({ name }) => name).join()
  useEffect(() => {
    const element = host.current
    if (element === null) return undefined
    const make = (): void => {
      plot.current?.destroy()
      const options = optionsOf({ element, series, format, heightPx, group })
      plot.current = new UPlot(options, dataOf(atMs, series), element)
    }
    make()
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: heightPx }),
    )
    sizes.observe(element)
    // Colours are drawn, not styled: they do not follow the theme by themselves.
    const theme = new MutationObserver(make)
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', make)
    return () => {
      sizes.disconnect()
      theme.disconnect()
      scheme.removeEventListener('change', make)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shape, heightPx])
  useEffect(() => plot.current?.setData(dataOf(atMs, series)), [atMs, series])
  return (
    <figure class="chart" aria-label={label}>
      <ul class="legend">
        {series.map(({ name, values, color }) => (
          <li key={name}>
            <span class="swatch" data-shape="line" style={{ '--swatch': `var(${color})` }} />
            {name}
            <strong class="number">{lastOf(values, format)}</strong>
          </li>
        ))}
      </ul>
      <div ref={host} role="img" aria-label={`${label}, over time`} />
    </figure>
  )
}

function lastOf(values: readonly (number | null)[], format: (value: number) => string): string {
  const last = values.findLast(value => value !== null)
  return last === undefined || last === null ? '–' : format(last)
}

const dataOf = (atMs: readonly number[], series: readonly Series[]): UPlot.AlignedData => [
  atMs.map(ms => ms / 1000),
  ...series.map(({ values }) => [...values]),
]

/** What a custom property comes to, in this theme. */
export function colorOf(element: Element, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

type OptionsInput = Required<Pick<ChartProps, 'format' | 'heightPx' | 'series'>> & {
  readonly element: HTMLElement
  readonly group: string | undefined
}

function optionsOf({ element, series, format, heightPx, group }: OptionsInput): UPlot.Options {
  const [soft, line] = [colorOf(element, '--text-soft'), colorOf(element, '--line')]
  const axis = { stroke: soft, font: '11px system-ui', ticks: { show: false } } as const
  const grid = { stroke: line, width: 1 }
  return {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { y: false, ...(group !== undefined && { sync: { key: group } }) },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 80,
        size: 26,
        values: (_, seconds, __, ___, stepSeconds) =>
          seconds.map(at => clockTime(new Date(at * 1000)).slice(0, stepSeconds < 60 ? 8 : 5)),
      },
      { ...axis, grid, size: 64, space: 26, values: (_, values) => values.map(format) },
    ],
    series: [
      {},
      ...series.map(({ name, color }) => ({
        label: name,
        stroke: colorOf(element, color),
        width: 1.6,
        points: { size: 4 },
        spanGaps: false,
      })),
    ],
  }
}
