import { formatBytes as bytes } from '../../src/cli/format.ts'

/** Numbers as people read them. Everything here is text in English, and pure. */
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** `1.23 MB`, as the command line has it. */
export { bytes }

const numbers = new Intl.NumberFormat('en')

/** `1,204`. */
export const count = (value: number): string => numbers.format(value)

/** `1 object`, `1,204 objects`. */
export const counted = (value: number, one: string, many: string = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** `1.5 MB/s`. */
export const rate = (bytesPerSecond: number): string => `${bytes(Math.round(bytesPerSecond))}/s`

const short = (amount: number): string => amount.toFixed(1).replace(/\.0$/, '')

/** `40 s`, `3 min`, `2 h 5 min`, `12 d`: the two largest units, as few as say it. */
export function duration(ms: number): string {
  const value = Math.max(0, ms)
  if (value < SECOND) return `${Math.round(value)} ms`
  if (value < 10 * SECOND) return `${short(value / SECOND)} s`
  if (value < MINUTE) return `${Math.floor(value / SECOND)} s`
  if (value < HOUR) return `${Math.floor(value / MINUTE)} min`
  if (value < DAY) return pair(value, HOUR, 'h', MINUTE, 'min')
  return value < 10 * DAY ? pair(value, DAY, 'd', HOUR, 'h') : `${count(Math.floor(value / DAY))} d`
}

function pair(value: number, large: number, name: string, small: number, other: string): string {
  const rest = Math.floor((value % large) / small)
  return `${Math.floor(value / large)} ${name}${rest === 0 ? '' : ` ${rest} ${other}`}`
}

/** `3 min ago`; a moment that is near enough is `just now`. */
export const ago = (ms: number): string => (ms < 2 * SECOND ? 'just now' : `${duration(ms)} ago`)

/** `0.42 ms`, `12 ms`: a latency or a clock's offset, which may be negative. */
export function milliseconds(ms: number): string {
  const size = Math.abs(ms)
  if (size >= 10 * SECOND) return `${ms < 0 ? '−' : ''}${duration(size)}`
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  const text = size.toFixed(digits).replace(/\.?0+$/, '')
  return `${ms < 0 && text !== '0' ? '−' : ''}${size >= 100 ? size.toFixed(0) : text} ms`
}

/** `42 %`; what is neither nothing nor all never reads as such. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100)
  if (rounded === 0 && share > 0) return '< 1 %'
  if (rounded === 100 && share < 1) return '> 99 %'
  return `${rounded} %`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `2026-11-20 23:24:38`, in the time zone of the reader. */
export function moment(at: Date): string {
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${clockTime(at)}`
}

/** `23:24:38`. */
export function clockTime(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** The end of a peer's id: its beginning is the same for all. */
export const shortId = (id: string): string => (id.length > 10 ? `…${id.slice(-8)}` : id)

/** Text that nobody needs in full: names may be ten thousand characters long. */
export const clip = (text: string, charsMax = 160): string =>
  text.length > charsMax ? `${text.slice(0, charsMax)}…` : text
