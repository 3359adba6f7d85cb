import type { ClockReport, SourceReport } from '../index.ts'
import { formatDuration } from './format.ts'
import { formatTable } from './table.ts'

/** What a peer says of its clock, for people. */
export function clockTable(clock: ClockReport): string {
  const { status, basis, boundMs, lastSyncMs, lastDisturbance, stamps } = clock
  const against = basis === 'utc' ? 'UTC' : 'the clocks of the other peers'
  const facts = [
    ['time', new Date(clock.atMs).toISOString()],
    ['bound', boundMs === null ? 'not known' : `${inMs(boundMs)} against ${against}`],
    ['offset', `${signed(clock.offsetMs)}, being worked off`],
    ['drift', `${clock.driftPpm.toFixed(3)} ppm, give or take ${clock.driftErrorPpm.toFixed(1)}`],
    ['last sync', lastSyncMs === null ? 'never' : `${ago(lastSyncMs)} ago`],
    ['polls', `every ${formatDuration(clock.pollEveryMs / 1000)}`],
    ['timestamps', stamps.isReady ? 'given out' : `not yet, at least ${ago(stamps.waitMs)}`],
    ['rejected', `${clock.rejectedStamps} timestamps`],
    [
      'disturbed',
      lastDisturbance === null
        ? 'never'
        : `${clock.disturbances} times, ${lastDisturbance.what} ${ago(lastDisturbance.agoMs)} ago`,
    ],
  ]
  return `${formatTable(['CLOCK', status], facts)}\n\n${sourcesTable(clock.sources)}`
}

function sourcesTable(sources: readonly SourceReport[]): string {
  if (sources.length === 0) return 'no sources: there is nobody to ask'
  const rows = sources.map(({ kind, name, verdict, refusal, status, ...measured }) => [
    name,
    kind,
    refusal === undefined ? verdict : `${verdict}: ${refusal}`,
    status ?? '',
    measured.offsetMs === undefined ? '' : signed(measured.offsetMs),
    measured.delayMs === undefined ? '' : inMs(measured.delayMs),
    measured.boundMs === undefined ? '' : inMs(measured.boundMs),
  ])
  const headers = ['SOURCE', 'KIND', 'VERDICT', 'STATUS', 'OFFSET', 'DELAY', 'BOUND']
  return formatTable(headers, rows)
}

const inMs = (value: number): string =>
  value < 1_000 ? `${value.toFixed(3)} ms` : formatDuration(value / 1_000)
const signed = (value: number): string => `${value < 0 ? '-' : '+'}${inMs(Math.abs(value))}`
const ago = (value: number): string => formatDuration(value / 1_000)
