import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'

/**
 * Measures variants against a named reference in one process. Rounds are interleaved, so that
 * whatever else the machine does hits all variants alike; medians are printed, and ratios to the
 * reference of the same round. Trust the ratios, not the absolutes.
 */
export interface Variant {
  readonly name: string
  /** Runs for about `sliceMs` and says how much it did, and in what time. */
  readonly run: (sliceMs: number) => Promise<Measured> | Measured
}

export interface Measured {
  readonly amount: number
  readonly elapsedMs: number
}

export interface Question {
  /** What is compared, e.g. `200 B, 16 writers`. */
  readonly title: string
  readonly unit: string
  /** The first is the reference. */
  readonly variants: readonly Variant[]
  /** Least ratio of a variant to the reference; shown, and missed targets are marked. */
  readonly targets?: Readonly<Record<string, number>>
}

export interface Answer {
  readonly title: string
  readonly unit: string
  readonly rows: readonly AnswerRow[]
}

export interface AnswerRow {
  readonly name: string
  readonly perSecond: number
  /** Median over the rounds of the ratio to the reference. */
  readonly ratio: number
  readonly ratioRange: readonly [number, number]
  readonly target: number | undefined
}

export interface Pace {
  /** @default 9 */
  readonly rounds?: number
  /** @default 250 */
  readonly sliceMs?: number
}

/** Asks one question and prints its table. */
export async function ask(question: Question, pace: Pace = {}): Promise<Answer> {
  const { rounds = 9, sliceMs = 250 } = pace
  const rates = question.variants.map((): number[] => [])
  for (const { run } of question.variants) await run(sliceMs / 5)
  for (let round = 0; round < rounds; round++) {
    for (const [at, { run }] of question.variants.entries()) {
      const { amount, elapsedMs } = await run(sliceMs)
      rates[at]?.push((amount * 1000) / elapsedMs)
    }
  }
  const answer = answerOf(question, rates)
  print(answer)
  return answer
}

/** Repeats `work` until the slice is over. */
export async function during(
  sliceMs: number,
  work: () => Promise<number> | number,
): Promise<Measured> {
  const start = performance.now()
  let amount = 0
  let elapsedMs = 0
  do {
    amount += await work()
    elapsedMs = performance.now() - start
  } while (elapsedMs < sliceMs)
  return { amount, elapsedMs }
}

/** So many clients, each one call after the other, until the slice is over. */
export function byClients(
  clients: number,
  call: () => Promise<unknown>,
): (sliceMs: number) => Promise<Measured> {
  const once = async (): Promise<number> => {
    await call()
    return 1
  }
  return async sliceMs => {
    const start = performance.now()
    const done = await Promise.all(Array.from({ length: clients }, () => during(sliceMs, once)))
    const amount = done.reduce((sum, each) => sum + each.amount, 0)
    return { amount, elapsedMs: performance.now() - start }
  }
}

/** Of one client, one call after the other, in milliseconds. */
export async function latenciesOf(
  count: number,
  call: () => Promise<unknown>,
): Promise<{ readonly p50: number; readonly p99: number }> {
  const tookMs: number[] = []
  for (let at = 0; at < count; at++) {
    const start = performance.now()
    await call()
    tookMs.push(performance.now() - start)
  }
  const sorted = tookMs.toSorted((a, b) => a - b)
  return { p50: median(sorted), p99: sorted[Math.floor(count * 0.99)] ?? Number.NaN }
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Writes a bench's answers beside its table, as bench/results/NAME.json. */
export function save(name: string, answers: readonly unknown[]): void {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() }
  const path = join(folder, `${name}.json`)
  writeFileSync(path, `${JSON.stringify({ name, machine, answers }, undefined, 2)}\n`)
}

function answerOf({ title, unit, variants, targets }: Question, rates: number[][]): Answer {
  const reference = rates[0] ?? []
  const rows = variants.map(({ name }, at) => {
    const own = rates[at] ?? []
    const ratios = own.map((rate, round) => rate / (reference[round] ?? Number.NaN))
    return {
      name,
      perSecond: median(own),
      ratio: median(ratios),
      ratioRange: [Math.min(...ratios), Math.max(...ratios)] as const,
      target: targets?.[name],
    }
  })
  return { title, unit, rows }
}

function print({ title, unit, rows }: Answer): void {
  const width = Math.max(...rows.map(({ name }) => name.length))
  console.log(`\n${title}`)
  for (const { name, perSecond, ratio, ratioRange, target } of rows) {
    const rate = `${perSecond.toLocaleString('en', { maximumSignificantDigits: 4 })} ${unit}/s`
    const range = ratioRange.map(bound => bound.toFixed(2)).join('–')
    const verdict =
      target === undefined ? '' : ratio >= target ? `  ≥ ${target} ok` : `  < ${target} MISSED`
    console.log(
      `  ${name.padEnd(width)} ${rate.padStart(22)}  ${ratio.toFixed(2)}x (${range})${verdict}`,
    )
  }
}
