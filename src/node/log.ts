/** How much a line matters; each includes those after it. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** What goes with a line: plain values, never keys, tokens or secrets. */
export type LogFields = Readonly<Record<string, unknown>>

/** Where a peer says what happens to it. A message is constant; what varies is in the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface LogLine {
  readonly atMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** A log that hands on the lines from `level` upwards. */
export function createLog(
  level: LogLevel,
  write: (line: LogLine) => void,
  nowMs: () => number,
): Log {
  const least = logLevels.indexOf(level)
  const at = (lineLevel: LogLevel, rank: number) =>
    rank < least
      ? () => {}
      : (message: string, fields: LogFields = {}) =>
          write({ atMs: nowMs(), level: lineLevel, message, fields })
  return { debug: at('debug', 0), info: at('info', 1), warn: at('warn', 2), error: at('error', 3) }
}

/** Says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
