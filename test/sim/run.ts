/**
 * Plays a scenario with many seeds.
 *
 *     npm run sim -- --scenario wal [--seeds 2000] [--seed 1] [--minutes 0.1] [--jobs 2] [--hashes]
 *
 * Seeds are shared out among child processes. The first failure is printed with the last events and
 * the command that replays it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

import { runSeed, type SeedResult } from './run-seed.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios/all.ts'

const PROGRESS_EVERY_MS = 5_000
const TAIL_LINES = 40

interface Settings {
  readonly scenario: Scenario
  readonly firstSeed: number
  readonly seeds: number
  readonly minutes: number
  readonly jobs: number
  readonly printsHashes: boolean
}

function settingsFrom(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: '' },
      seeds: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      jobs: { type: 'string' },
      hashes: { type: 'boolean', default: false },
    },
  })
  const scenario = scenarios.get(values.scenario)
  if (scenario === undefined) {
    throw new RangeError(`--scenario is one of: ${[...scenarios.keys()].join(', ')}`)
  }
  // One seed that is named is meant to be played alone.
  const seeds = positive('seeds', values.seeds ?? (values.seed === undefined ? '100' : '1'))
  return {
    scenario,
    seeds,
    firstSeed: positive('seed', values.seed ?? '1'),
    minutes: positive('minutes', values.minutes ?? String(scenario.minutes)),
    jobs: Math.min(seeds, positive('jobs', values.jobs ?? String(availableParallelism()))),
    printsHashes: values.hashes,
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new RangeError(`--${name} takes a positive number, not '${text}'`)
  return value
}

/** Plays every `step`-th seed and reports each. */
async function playSeeds(
  { scenario, firstSeed, seeds, minutes }: Settings,
  { offset, step }: { offset: number; step: number },
  report: (result: SeedResult) => void,
): Promise<void> {
  for (let at = offset; at < seeds; at += step) {
    const result = await runSeed(scenario, firstSeed + at, minutes)
    report(result)
    if (result.failure !== undefined) return
  }
}

/** Collects results, prints progress, and decides how it went. */
class Tally {
  readonly #settings: Settings
  readonly #startedMs = Date.now()
  #printedMs = Date.now()
  #virtualMs = 0
  #events = 0
  #done = 0
  readonly #counts: Record<string, number> = {}
  failure: SeedResult | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  add(result: SeedResult): void {
    this.#done++
    // What a scenario waits for in the end, while nothing happens, is no achievement.
    this.#virtualMs += Math.min(result.virtualMs, this.#settings.minutes * 60_000)
    this.#events += result.events
    for (const [name, count] of Object.entries(result.counts)) {
      this.#counts[name] = (this.#counts[name] ?? 0) + count
    }
    if (this.#settings.printsHashes) console.log(`${result.seed} ${result.hash}`)
    if (result.failure !== undefined) this.failure ??= result
    if (Date.now() - this.#printedMs > PROGRESS_EVERY_MS) this.#progress()
  }

  #progress(): void {
    this.#printedMs = Date.now()
    const { scenario, seeds } = this.#settings
    console.error(`${scenario.name}: ${this.#done} of ${seeds} seeds, ${this.#speed()}x real time`)
  }

  finish(): boolean {
    const { scenario } = this.#settings
    if (this.failure?.failure !== undefined) {
      const { seed, failure } = this.failure
      console.error(failure.tail.slice(-TAIL_LINES).join(''))
      console.error(`${scenario.name}: seed ${seed} failed\n${failure.message}`)
      const minutes =
        this.#settings.minutes === scenario.minutes ? '' : ` --minutes ${this.#settings.minutes}`
      console.error(
        `replay: npm run sim -- --scenario ${scenario.name} --seeds 1 --seed ${seed}${minutes}`,
      )
      return false
    }
    const seconds = ((Date.now() - this.#startedMs) / 1000).toFixed(1)
    const counts = Object.entries(this.#counts).map(([name, count]) => `${name} ${count}`)
    console.error(`${scenario.name}: ${counts.join(', ')}`)
    console.error(
      `${scenario.name}: ${this.#done} seeds passed in ${seconds} s, ` +
        `${this.#events} events, ${this.#speed()}x real time`,
    )
    return true
  }

  #speed(): number {
    return Math.round(this.#virtualMs / Math.max(1, Date.now() - this.#startedMs))
  }
}

async function coordinate(settings: Settings): Promise<boolean> {
  const tally = new Tally(settings)
  if (settings.jobs === 1) {
    await playSeeds(settings, { offset: 0, step: 1 }, result => tally.add(result))
    return tally.finish()
  }
  const children: ChildProcess[] = []
  const endings = Array.from({ length: settings.jobs }, (_, offset) => {
    const share = `${offset}/${settings.jobs}`
    const child = fork(import.meta.filename, process.argv.slice(2), {
      env: { ...process.env, HOLDFAST_SIM_SHARE: share },
    })
    children.push(child)
    child.on('message', message => {
      tally.add(message as SeedResult)
      if (tally.failure !== undefined) for (const other of children) other.kill()
    })
    return new Promise<number>(resolve => {
      child.on('exit', code => resolve(code ?? 1))
    })
  })
  const codes = await Promise.all(endings)
  if (!tally.finish()) return false
  const isWhole = codes.every(code => code === 0)
  if (!isWhole)
    console.error(`${settings.scenario.name}: a process of the run died: ${codes.join(', ')}`)
  return isWhole
}

async function main(): Promise<void> {
  const settings = settingsFrom(process.argv.slice(2))
  const share = process.env['HOLDFAST_SIM_SHARE']
  if (share === undefined) {
    process.exitCode = (await coordinate(settings)) ? 0 : 1
    return
  }
  const [offset = 0, step = 1] = share.split('/').map(Number)
  await playSeeds(settings, { offset, step }, result => process.send?.(result))
  process.disconnect()
}

try {
  await main()
} catch (error) {
  console.error(error instanceof RangeError ? error.message : error)
  process.exitCode = 2
}
