import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseArgs } from 'node:util'

import { run, scratchFolder } from '../support/checkout.ts'
import {
  type Announcement,
  buildProgram,
  eventually,
  killAll,
  PeerProcess,
} from '../support/processes.ts'

const PEERS = 6
/** How long the two halves are kept apart; `npm run test:partition` takes the full two minutes. */
const { values: settings } = parseArgs({
  options: { 'cut-ms': { type: 'string', default: '20000' } },
  strict: false,
})
const CUT_MS = Number(settings['cut-ms'])
const HEAL_MS_MAX = 15_000

const sh = (line: string): void => {
  const { status, stderr } = run(line, '/')
  assert.equal(status, 0, `${line}: ${stderr}`)
}

const has = (line: string): boolean => run(line, '/').status === 0

/** Why this cannot be tried here; false if it can. */
function obstacle(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  if (!has('ip -V')) return 'needs iproute2'
  if (!has('nft --version')) return 'needs nftables'
  const name = `hfprobe${process.pid}`
  if (!has(`ip netns add ${name}`)) return 'may not make network namespaces'
  const canFilter = has(`ip netns exec ${name} nft add table inet t`)
  run(`ip netns del ${name}`, '/')
  return canFilter ? false : 'may not filter packets in a namespace'
}

/**
 * A network of its own for each peer, all joined by one bridge. The bridge is in a namespace too, so
 * that nothing of this machine is touched; and each peer's packets are filtered where they arrive.
 */
class Machines {
  readonly #prefix = `hf${process.pid}`
  readonly #made: string[] = []

  constructor(count: number) {
    const hub = this.#namespace('hub')
    sh(`ip netns exec ${hub} ip link add br0 type bridge`)
    sh(`ip netns exec ${hub} ip link set br0 up`)
    for (let index = 1; index <= count; index++) {
      const own = this.#namespace(String(index))
      sh(`ip link add v${index} netns ${hub} type veth peer name eth0 netns ${own}`)
      sh(`ip netns exec ${hub} ip link set v${index} master br0 up`)
      sh(`ip netns exec ${own} ip addr add 10.99.0.${index}/24 dev eth0`)
      sh(`ip netns exec ${own} ip link set eth0 up`)
      sh(`ip netns exec ${own} ip link set lo up`)
    }
  }

  enter(index: number): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.#prefix}-${index}`]
  }

  /** From now on these hear nothing from those, and the other way round. */
  cut(some: readonly number[], others: readonly number[]): void {
    for (const [here, there] of [
      [some, others],
      [others, some],
    ] as const)
      for (const index of here) {
        const sources = there.map(each => `10.99.0.${each}`).join(', ')
        this.#nft(index, 'add table inet cut')
        this.#nft(index, `add chain inet cut input '{ type filter hook input priority 0; }'`)
        this.#nft(index, `add rule inet cut input ip saddr '{ ${sources} }' drop`)
      }
  }

  heal(indices: readonly number[]): void {
    for (const index of indices) this.#nft(index, 'delete table inet cut')
  }

  remove(): void {
    for (const name of this.#made) run(`ip netns del ${name}`, '/')
  }

  #nft(index: number, command: string): void {
    sh(`${this.enter(index).join(' ')} nft ${command}`)
  }

  #namespace(suffix: string): string {
    const name = `${this.#prefix}-${suffix}`
    sh(`ip netns add ${name}`)
    this.#made.push(name)
    return name
  }
}

/** What a peer says by its own command line: its gateway is in its own namespace. */
function aliveBy(peer: PeerProcess): string[] {
  const { stdout, status } = peer.command('peers --json')
  if (status !== 0) return []
  const views = JSON.parse(stdout) as { name: string; state: string }[]
  return views.filter(({ state }) => state === 'alive').map(({ name }) => name)
}

async function untilAllSee(
  peers: readonly PeerProcess[],
  alive: readonly PeerProcess[],
  withinMs: number,
): Promise<number> {
  const wanted = alive.map(({ name }) => name).toSorted()
  const sees = async (): Promise<boolean> =>
    peers.every(peer => aliveBy(peer).toSorted().join() === wanted.join())
  return eventually(sees, withinMs, () =>
    peers.map(peer => `${peer.name} sees ${aliveBy(peer).join(', ')}`).join('; '),
  )
}

const skip = obstacle()

describe('a network cut in two halves', { skip }, () => {
  let main = ''
  let machines: Machines
  before(() => {
    main = buildProgram()
    machines = new Machines(PEERS)
  })
  after(async () => {
    await killAll()
    machines.remove()
  })

  test('heals, and nobody is missing', async context => {
    const folder = scratchFolder()
    const start = (index: number, more: readonly string[] = []): PeerProcess =>
      new PeerProcess(`p${index}`, {
        main,
        data: join(folder, String(index)),
        flags: ['--listen', `10.99.0.${index}:4801`, '--profile', 'fast', ...more],
        wrapper: machines.enter(index),
      })
    const founder = start(1)
    const { token } = (await founder.ready()) as Announcement & { token: string }
    const peers = [founder]
    for (let index = 2; index <= PEERS; index++) peers.push(start(index, ['--join', token]))
    await Promise.all(peers.map(peer => peer.ready()))
    await untilAllSee(peers, peers, 30_000)

    const [left, right] = [peers.slice(0, PEERS / 2), peers.slice(PEERS / 2)]
    const numbers = peers.map((_, index) => index + 1)
    const cutMs = performance.now()
    machines.cut(numbers.slice(0, PEERS / 2), numbers.slice(PEERS / 2))
    await untilAllSee(left, left, 30_000)
    await untilAllSee(right, right, 30_000)
    const leftMs = CUT_MS - (performance.now() - cutMs)
    await new Promise(resolve => void setTimeout(resolve, Math.max(0, leftMs)))

    machines.heal(numbers)
    const healedMs = await untilAllSee(peers, peers, 60_000)
    context.diagnostic(`cut for ${CUT_MS} ms, whole again after ${Math.round(healedMs)} ms`)
    assert.ok(healedMs <= HEAL_MS_MAX, `took ${Math.round(healedMs)} ms`)
  })
})

test('says why a partition cannot be tried here', { skip: skip === false }, context => {
  context.diagnostic(String(skip))
})
