/**
 * Stops the program when something that must hold does not. For bugs only, on in production too:
 * a crashed peer is replaced by others, a wrong one is believed by them. Failures that a caller
 * may expect are `HoldfastError`s instead. A message with values in it is a function: building it
 * costs more than the check.
 */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message())
}

/** A broken invariant: a bug in Holdfast, never something to catch and go on from. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}
