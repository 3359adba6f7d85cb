import type { ComponentLogger, Logger } from '@libp2p/interface'

/**
 * A log for libp2p that nobody reads. Its own makes several for each stream, and looks each time
 * whether there is a terminal: a thirtieth of what a connection costs.
 */
export const quietLogger = (): ComponentLogger => ({ forComponent: () => quiet })

const nothing = (): void => undefined
const quiet: Logger = Object.assign(nothing.bind(undefined), {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: () => quiet,
})
