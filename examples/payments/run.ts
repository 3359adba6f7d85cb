/**
 * `npm run example:payments`: three servers, each a process and a peer of one Holdfast network, and
 * many clients that pay each other through them; at the end the books are audited.
 *
 *     --payments 20000   how many
 *     --seconds 60       for how long at most
 *     --clients 48       how many at once
 *     --repeats 0.3      the share of payments that are sent once more
 *     --chaos            kill, pause and cut off servers meanwhile, one after the other
 *     --every-ms 6000    how often that
 *     --json             print the report alone, for other programs
 *     --stay             go on until Ctrl-C, with the live page
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import type { Done, LoadReport, Progress } from './load.ts'
import { Networks, Program, ServerProcess, stopAll } from './processes.ts'

const SERVERS_COUNT = 3
const { values: flags } = parseArgs({
  options: {
    payments: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: 'Infinity' },
    clients: { type: 'string', default: '48' },
    repeats: { type: 'string', default: '0.3' },
    'every-ms': { type: 'string', default: '6000' },
    chaos: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    stay: { type: 'boolean', default: false },
  },
})
function say(text: string): void {
  if (!flags.json) console.log(text)
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

const folder = await mkdtemp(join(tmpdir(), 'holdfast-payments-'))
const networks = flags.chaos && Networks.canBeMade() ? new Networks(SERVERS_COUNT + 1) : undefined
try {
  process.exitCode = (await play()) ? 0 : 1
} catch (error) {
  if (!stopping.signal.aborted) throw error
} finally {
  await stopAll()
  networks?.remove()
  await rm(folder, { recursive: true, force: true })
}

async function play(): Promise<boolean> {
  if (flags.chaos && networks === undefined) {
    say('servers cannot be cut off from each other here: that needs root on Linux, ip and nft')
  }
  const servers = await startServers()
  const { promise, resolve } = Promise.withResolvers<LoadReport>()
  const done = Promise.withResolvers<void>()
  const loaded = new Program('load.ts', loadSettings(servers), {
    wrapper: networks?.enter(SERVERS_COUNT) ?? [],
    onLine: line => {
      const said = JSON.parse(line) as Progress | Done | LoadReport
      if (said.type === 'report') resolve(said)
      else if (said.type === 'done') done.resolve()
      else sayProgress(said)
    },
  })
  const ended = loaded.exited.then(() => {
    throw new Error('the load has ended without a report')
  })
  const faults = flags.chaos ? befall(servers, loaded) : undefined
  const aborted = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener('abort', () => reject(new Error('stopped')))
  })
  await Promise.race([done.promise, ended, aborted, faults?.failed ?? ended])
  await faults?.end()
  loaded.tell({ type: 'audit' })
  const report = await Promise.race([promise, ended, aborted])
  sayReport(report)
  if (flags.stay && !stopping.signal.aborted) {
    say(`\n${servers[0]?.ready.url} shows it live; Ctrl-C ends it`)
    await aborted.catch(() => undefined)
  }
  return report.problems.length === 0
}

async function startServers(): Promise<readonly ServerProcess[]> {
  const servers = Array.from({ length: SERVERS_COUNT }, (_, at) => {
    const env = { DATA: join(folder, `server-${at}`), HOST: networks?.host(at) ?? '127.0.0.1' }
    return new ServerProcess(`server-${at}`, env, networks?.enter(at))
  })
  const [first, ...others] = servers
  const { invite } = (await first?.start()) ?? {}
  await Promise.all(others.map(server => server.start(invite)))
  for (const { name, ready } of servers) say(`${name}  ${ready.url}`)
  await settled(first?.ready.url ?? '')
  return servers
}

/** A majority of three must agree before anything is worth to be called replicated. */
async function settled(url: string): Promise<void> {
  if (networks !== undefined) {
    await sleep(8_000)
    return
  }
  for (let tries = 0; tries < 150; tries++) {
    const answer = await fetch(`${url}/healthz`)
    const { voters = 0 } = (await answer.json()) as { voters?: number }
    if (voters >= SERVERS_COUNT) return
    await sleep(200)
  }
}

function loadSettings(servers: readonly ServerProcess[]): Record<string, string> {
  const { payments: PAYMENTS, seconds: SECONDS, clients: CLIENTS, repeats: REPEATS } = flags
  const SERVERS = JSON.stringify(servers.map(({ name, ready }) => ({ name, url: ready.url })))
  return { SERVERS, PAYMENTS, SECONDS, CLIENTS, REPEATS }
}

interface Faults {
  /** Rejects if a server does not come back. */
  readonly failed: Promise<never>
  end(): Promise<void>
}

/** One server after the other is killed, paused, or cut off from the others. */
function befall(servers: readonly ServerProcess[], load: Program): Faults {
  const over = new AbortController()
  const { signal } = over
  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal }).catch(() => undefined)
  const troubles = async (): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn++) {
      await pause(Number(flags['every-ms']))
      const at = turn % servers.length
      const server = servers[at] as ServerProcess
      if (signal.aborted) return
      const kind = Math.floor(turn / servers.length) % (networks === undefined ? 2 : 3)
      if (kind === 0) {
        say(`        ${server.name} is killed`)
        await server.kill()
        await pause(2_000)
        const { url } = await server.start()
        load.tell({ name: server.name, url })
        say(`        ${server.name} is back at ${url}`)
      } else if (kind === 1) {
        say(`        ${server.name} is paused for 4 s`)
        server.pause()
        await pause(4_000)
        server.resume()
      } else {
        say(`        ${server.name} is cut off from the others for 5 s`)
        networks?.cut(at)
        await pause(5_000)
        networks?.heal(at)
      }
    }
  }
  const ended = troubles()
  return {
    failed: ended.then(() => new Promise<never>(() => undefined)),
    end: () => {
      over.abort()
      return ended
    },
  }
}

function sayProgress({ done, perSecond, p99Ms, retries, redirects }: Progress): void {
  say(
    `${String(done).padStart(7)} payments, ${perSecond} answers/s, p99 ${p99Ms} ms, ` +
      `${retries} retries, ${redirects} redirects`,
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function sayReport(report: LoadReport): void {
  if (flags.json) {
    console.log(JSON.stringify(report))
    return
  }
  const { payments, repeats, refused, seconds, perSecond, p50Ms, p99Ms, mostMs } = report
  const { events, arrived, reordered, corrected, late, boundMs, errorMs } = report.order
  say(`
${payments} payments, ${repeats} sent again, ${refused} refused, in ${seconds.toFixed(1)} s
${perSecond} answers/s; p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, most ${mostMs.toFixed(0)} ms
${report.retries} times a client went on elsewhere, ${report.redirects} times it was sent there

${events} events of ${SERVERS_COUNT} servers, out of their true order:
  as they arrived   ${percent(arrived)}
  reordered         ${percent(reordered)}  (${percent(late)} late)
  corrected         ${percent(corrected)}
  stamps were off by ${errorMs.median.toFixed(3)} ms (median), ${errorMs.most.toFixed(3)} ms at most;
  their bounds are ± ${boundMs.median.toFixed(3)} ms (median), ± ${boundMs.most.toFixed(3)} ms at most
`)
  if (report.problems.length === 0) {
    say('the books are in order: money conserved, each payment once, one history at all servers')
  }
  for (const problem of report.problems.slice(0, 20)) say(`PROBLEM: ${problem}`)
}
