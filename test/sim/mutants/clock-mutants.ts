import type { Mutant } from './mutant.ts'

/** Bugs of the clock. */
const changes: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'believe where most claims overlap',
    file: 'clock/selection.ts',
    find: `hullOf(candidates, needed)
`,
    replace: `hullOf(candidates, greatestCover(candidates))
`,
  },
  {
    name: 'count only the sources that answered',
    file: 'clock/election.ts',
    find: `const liars = liarsOf(servers.length + peers.length + unknowing)`,
    replace: `const liars = liarsOf(own.length + claims.length + 0 * unknowing)`,
  },
  {
    name: 'believe the few peers that say they know UTC',
    file: 'clock/election.ts',
    find: `const arePeersAsked = claims.length * 2 > peers.length`,
    replace: `const arePeersAsked = claims.length > 0`,
  },
  {
    name: 'let the bound stand still',
    file: 'clock/estimator.ts',
    find: `low: this.#last.low + (frequency - rateError) * ageMs,`,
    replace: `low: this.#last.low + frequency * ageMs,`,
  },
  {
    name: 'assume a crystal of 5 ppm',
    file: 'clock/estimator.ts',
    find: `rateError: Math.max(RATE_ERROR_MIN, doubt + CRYSTAL_WANDER)`,
    replace: `rateError: doubt > 0 ? 5e-6 : RATE_ERROR_MIN + CRYSTAL_WANDER`,
  },
  {
    name: 'forget the round trip in the bound',
    file: 'clock/sample.ts',
    find: `Math.max(0, delayMs) / 2 + boundMs + READING_ERROR_MS`,
    replace: `boundMs + READING_ERROR_MS`,
  },
  {
    name: 'take a peer at its word, without its bound',
    file: 'clock/sample.ts',
    find: `Math.max(0, delayMs) / 2 + boundMs + READING_ERROR_MS`,
    replace: `Math.max(0, delayMs) / 2 + READING_ERROR_MS`,
  },
  {
    name: 'forget what is still to be slewed',
    file: 'clock/steering.ts',
    find: `      const correctionMs = this.clock.correctionAt(nowMs)
      return Math.max(high - correctionMs, correctionMs - low)`,
    replace: `      return (high - low) / 2`,
  },
  {
    name: 'step whenever the clock is far off',
    file: 'clock/steering.ts',
    find: `    const mayJump = this.#goodPolls`,
    replace: `    const mayJump = Math.abs(targetMs - this.clock.correctionAt(nowMs)) > 20 || this.#goodPolls`,
  },
  {
    name: 'step back after sleep',
    file: 'clock/steering.ts',
    find: `(this.#isFirst || !isAhead)`,
    replace: `(this.#isFirst || targetMs < Number.POSITIVE_INFINITY || isAhead)`,
  },
  {
    name: 'keep what was measured before sleep',
    file: 'clock/steering.ts',
    find: `    this.#goodPolls = 0
    this.#estimator.reset()
`,
    replace: ``,
  },
  {
    name: 'let peers keep each other synchronised',
    file: 'clock/status.ts',
    find: `  if (health.rootAgeMs > limits.rootAgeMaxMs) return 'HOLDOVER'
`,
    replace: ``,
  },
  {
    name: 'follow the mean of the clocks',
    file: 'clock/agreement.ts',
    find: `  const offsetMs = median(votes.map(vote => vote.offsetMs))`,
    replace: `  const offsetMs =
    median([0, 0]) + votes.reduce((sum, vote) => sum + vote.offsetMs, 0) / votes.length`,
  },
  {
    name: 'agree with however few answered',
    file: 'clock/election.ts',
    find: `voices.length + 1 > 2 * liars
`,
    replace: `voices.length + 1 > 0 * liars
`,
  },
  {
    name: 'start from the mark after a restart',
    file: 'node/clock/stamper.ts',
    find: `return Math.max(0, Math.floor(this.#pastMarkMs - Math.floor(ptMs)) + 1)`,
    replace: `return Math.min(0, Math.floor(this.#pastMarkMs - Math.floor(ptMs)) + 1)`,
  },
  {
    name: 'merge a timestamp however far it leads',
    file: 'clock/hlc.ts',
    find: `    return leadMs > this.maxOffsetMs ? leadMs : undefined`,
    replace: `    return leadMs > 1e15 ? leadMs : undefined`,
  },
  {
    name: 'forget the remote counter',
    file: 'clock/hlc.ts',
    find: `    else if (greatest > this.#ms) this.#count = count
`,
    replace: `    else if (greatest > this.#ms) this.#count = -1
`,
  },
]

export const clockMutants: readonly Mutant[] = changes.map(change => ({
  ...change,
  scenario: 'clock',
}))
