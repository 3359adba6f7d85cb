/**
 * The one thing of the platform that a core may name: cancellation, which is neither time, chance
 * nor I/O. Only `tsconfig.cores.json` reads this file; everywhere else Node's own types apply.
 */
interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}
declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
