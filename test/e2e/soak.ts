/**
 * Long runs of real peers: `npm run soak -- consensus|s3 [--runs 20]`. Each run is a new network of
 * three or five peers and all that can befall them, in another order; clients are at it all the time,
 * and what they saw is judged: clients of the map, or of S3 with conditional writes. One line per run,
 * and an exit code that says whether all were good.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { buildProgram, killAll } from '../support/processes.ts'
import type { Testimony } from './consensus/clients.ts'
import { ConsensusFleet, loopback, namespaces, type Place } from './consensus/fleet.ts'
import { partitions, stories, type Story } from './consensus/stories.ts'
import { s3Partitions, s3Stories } from './s3/s3-stories.ts'

/** What clients ask for, of how many operations per second some must be done, and what befalls peers. */
const kinds = {
  consensus: { perSecond: 130, perSecondMin: 100, doneShareMin: 0.99, stories, partitions },
  s3: {
    perSecond: 60,
    perSecondMin: 30,
    doneShareMin: 0.95,
    stories: { ...stories, ...s3Stories },
    partitions: s3Partitions,
    script: join(import.meta.dirname, 's3/s3-load.ts'),
    workers: 7,
  },
} as const
type Kind = (typeof kinds)[keyof typeof kinds]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20' } },
})
const [wanted = ''] = positionals
if (positionals.length !== 1 || !Object.hasOwn(kinds, wanted)) {
  console.error('npm run soak -- consensus|s3 [--runs N]')
  process.exit(2)
}
const kind: Kind = kinds[wanted as keyof typeof kinds]

/** Every third run is in namespaces, if they are allowed: peers are cut off there. */
async function play(run: number, main: string): Promise<boolean> {
  const count = run % 2 === 0 ? 3 : 5
  const made = run % 3 === 2 ? namespaces(count) : 'on loopback'
  const isCut = typeof made !== 'string'
  if (run % 3 === 2 && !isCut) console.log(`run ${run} is without partitions: ${made}`)
  const places: readonly Place[] = isCut
    ? made.places
    : Array.from({ length: count }, () => loopback)
  const fleet = new ConsensusFleet(main, places)
  try {
    await fleet.start(3)
    const key = fleet.peers[0]?.announcement?.key
    const more = 'script' in kind ? { script: kind.script, workers: kind.workers, key } : {}
    const clients = fleet.clients(kind.perSecond, [...places.keys()], more)
    try {
      const mix: [string, Story][] = shuffled(
        Object.entries(isCut ? kind.partitions : kind.stories),
      )
      for (const [, story] of mix) await story(fleet)
      return report(run, mix.map(([name]) => name).join(', '), await clients.stop(), isCut)
    } finally {
      clients.kill()
    }
  } finally {
    await killAll()
    if (isCut) made.remove()
  }
}

/** Where peers are cut off, their own clients cannot succeed: there only the history counts. */
function report(run: number, mix: string, testimony: Testimony, isCut: boolean): boolean {
  const { operations, perSecond, doneShare, gapMs, unknown, verdict } = testimony
  const isGood =
    verdict.type === 'linearizable' &&
    (isCut || (doneShare >= kind.doneShareMin && perSecond >= kind.perSecondMin))
  console.log(
    `run ${run} ${isGood ? 'good' : 'BAD'}: ${operations} operations, ` +
      `${perSecond.toFixed(0)}/s, ${(doneShare * 100).toFixed(2)} % done, ` +
      `longest gap ${gapMs.toFixed(0)} ms, ${unknown} unknown, ${verdict.type} (${mix})`,
  )
  if (verdict.type === 'violated') console.log(verdict.explanation.text)
  return isGood
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map(item => ({ item, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item)
}

const main = buildProgram()
let bad = 0
for (let run = 0; run < Number(values.runs); run++) {
  try {
    if (!(await play(run, main))) bad++
  } catch (error) {
    console.log(`run ${run} BAD: ${String(error)}`)
    bad++
  }
}
console.log(bad === 0 ? 'all good' : `${bad} BAD`)
process.exitCode = bad === 0 ? 0 : 1
