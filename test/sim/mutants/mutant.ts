/** A bug to plant: a change of one place in the source. */
export interface Mutant {
  readonly name: string
  /** The scenario that must find it. */
  readonly scenario: string
  /** Tests that are tried first, below `test/`: what chance seldom meets, a test may tell at once. */
  readonly tests?: readonly string[]
  /** Below `src/`. */
  readonly file: string
  /** Text that stands exactly once in the file, and what takes its place. */
  readonly find: string
  readonly replace: string
}
