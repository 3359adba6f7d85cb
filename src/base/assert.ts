/**
 * Stops the program when something that must hold does not. For bugs only, on in production too:
 * a crashed peer is replaced by others, a wrong one is believed by them. Failures that a caller
 * may expect are `HoldfastError`s instead.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** A broken invariant: a bug in Holdfast, never something to catch and go on from. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}
