/** The user or the system asked the program to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** 128 and the number of the signal, as shells have it. */
  readonly exitCode: number

  constructor(name: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${name}`)
    this.exitCode = exitCodes[name]
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * A signal that aborts on Ctrl-C or SIGTERM, so that what was begun can be undone. Whoever insists
 * by a second one is obeyed at once.
 */
export function interruption(): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController()
  const interrupt = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name === 'SIGTERM' ? 'SIGTERM' : 'SIGINT')
    if (controller.signal.aborted) process.exit(reason.exitCode)
    controller.abort(reason)
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const dispose = (): void => {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
  return { signal: controller.signal, dispose }
}
