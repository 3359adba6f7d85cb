import type { LogLine } from '../index.ts'
import { printable } from './table.ts'

const colors = { debug: 90, info: 36, warn: 33, error: 31 } as const

/** Writes lines for people on a terminal, as JSON elsewhere. */
export function logOutput(
  stream: { readonly isTTY?: boolean; write(text: string): unknown },
  environment: NodeJS.ProcessEnv,
): (line: LogLine) => void {
  if (stream.isTTY !== true) return line => stream.write(asJson(line))
  const hasColor = (environment['NO_COLOR'] ?? '') === ''
  return line => stream.write(asText(line, hasColor))
}

/** One line, with keys that stay. Fields cannot take the place of ours. */
export function asJson({ atMs, level, message, fields }: LogLine): string {
  const ours = { time: new Date(atMs).toISOString(), level, message }
  return `${JSON.stringify({ ...ours, ...fields, ...ours })}\n`
}

export function asText({ atMs, level, message, fields }: LogLine, hasColor: boolean): string {
  const time = new Date(atMs).toTimeString().slice(0, 8)
  const label = level.toUpperCase().padEnd(5)
  const shown = hasColor ? `\u001B[${colors[level]}m${label}\u001B[0m` : label
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${valueText(value)}`)
  return `${[time, shown, message, ...details].join(' ')}\n`
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(',')
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value))
  return text.includes(' ') ? JSON.stringify(text) : text
}
