import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type GroupView, parsePlan, recoveryPhrase } from '../../../src/index.ts'
import { run, scratchFolder } from '../../support/checkout.ts'
import { eventually, PeerProcess } from '../../support/processes.ts'
import { Clients } from './clients.ts'
import type { LoadOptions } from './pacing.ts'

const common = ['--gateway', '127.0.0.1:0', '--profile', 'fast', '--log-level', 'info']

/** Whom the leader heard so lately is well. */
const HEARD_MS = 1_000

/** Where a peer runs: on loopback, or in a network namespace of its own. */
export interface Place {
  readonly listen: string
  readonly wrapper: readonly string[]
  /** How to cut it off from the others, and back. */
  readonly isolate?: (direction: Direction) => void
  readonly heal?: () => void
}

export type Direction = 'both' | 'in' | 'out'

export const loopback: Place = { listen: '127.0.0.1:0', wrapper: [] }

/** Other clients than those of the map, and what else they must know. */
export type LoadMore = Pick<LoadOptions, 'workers' | 'key'> & { readonly script?: string }

/** Peers as processes that agree, and what can befall them. */
export class ConsensusFleet {
  readonly #main: string
  readonly #places: readonly Place[]
  readonly #folder: string = scratchFolder()
  readonly peers: PeerProcess[] = []
  readonly #addresses = new Map<number, string>()

  constructor(main: string, places: readonly Place[]) {
    this.#main = main
    this.#places = places
  }

  /** Starts all and waits until as many vote as should, and all of them are well. */
  async start(voters: number): Promise<void> {
    const founder = this.#spawn(0, [])
    this.peers.push(founder)
    await founder.ready()
    const token = founder.command('invite --uses 20').stdout.trim()
    const joiners = this.#places.slice(1).map((_, at) => this.#spawn(at + 1, ['--join', token]))
    this.peers.push(...joiners)
    await Promise.all(joiners.map(peer => peer.ready()))
    await this.untilVoters(voters, 30_000)
  }

  /** What somebody who answers says of the system group. */
  view(): GroupView | undefined {
    for (const peer of this.peers) {
      if (!peer.isRunning) continue
      const { status, stdout } = peer.command('groups --json')
      const [view] = status === 0 ? (JSON.parse(stdout) as GroupView[]) : []
      if (view?.leader !== undefined && view.role === 'leader') return view
    }
    return undefined
  }

  async untilVoters(count: number, withinMs: number): Promise<void> {
    const holds = async (): Promise<boolean> => {
      const voters = this.view()?.members.filter(({ role }) => role !== 'learner') ?? []
      const isWell = voters.every(({ heardMsAgo = Infinity }) => heardMsAgo < HEARD_MS)
      return voters.length === count && isWell
    }
    await eventually(holds, withinMs, () => `not ${count} voters: ${JSON.stringify(this.view())}`)
  }

  /** Where in `peers` the leader is. */
  async leader(): Promise<number> {
    let at = -1
    const holds = async (): Promise<boolean> => {
      const view = this.view()
      at = this.peers.findIndex(({ id }) => id === view?.leader)
      return at >= 0
    }
    await eventually(holds, 10_000, () => 'nobody leads')
    return at
  }

  async kill(at: number): Promise<void> {
    this.#peer(at).kill('SIGKILL')
    await this.#peer(at).exited
  }

  async restart(at: number): Promise<void> {
    this.peers[at] = this.#spawn(at, [])
    await this.#peer(at).ready()
  }

  async stop(at: number): Promise<void> {
    await this.#peer(at).stop()
  }

  freeze(at: number): void {
    this.#peer(at).kill('SIGSTOP')
  }

  thaw(at: number): void {
    this.#peer(at).kill('SIGCONT')
  }

  isolate(at: number, direction: Direction): void {
    this.#places[at]?.isolate?.(direction)
  }

  heal(at: number): void {
    this.#places[at]?.heal?.()
  }

  /** Its log and snapshots are gone; its identity is not. */
  loseLog(at: number): void {
    rmSync(join(this.#peer(at).data, 'consensus'), { recursive: true })
  }

  /**
   * Clients at so many operations per second in all. On loopback each may ask every peer; in
   * namespaces only the one it is with.
   */
  clients(perSecond: number, at: readonly number[], { script, ...more }: LoadMore = {}): Clients {
    const clients = new Clients()
    for (const own of at) {
      const { wrapper = [] } = this.#places[own] ?? {}
      const order = [own, ...at.filter(other => other !== own)]
      const asked = wrapper.length > 0 ? [own] : order
      clients.start(
        {
          client: `c${own}`,
          directories: asked.map(index => this.#peer(index).data),
          perSecond: perSecond / at.length,
          ...more,
        },
        wrapper,
        script,
      )
    }
    return clients
  }

  command(at: number, args: string): ReturnType<typeof run> {
    return this.#peer(at).command(args)
  }

  /** Starts a stopped peer, and does not wait for it. */
  begin(at: number): PeerProcess {
    const peer = this.#spawn(at, [])
    this.peers[at] = peer
    return peer
  }

  /** Recovers what there is with these survivors, and applies the plan to the first. */
  recover(survivors: readonly number[]): string {
    const reports = survivors.map(at => {
      const report = join(this.#folder, `report-${at}`)
      writeFileSync(report, this.#offline(`inspect ${this.#peer(at).data} --json`))
      return report
    })
    const plan = join(this.#folder, 'plan')
    this.#offline(`plan ${reports.join(' ')} --out ${plan}`)
    this.apply(survivors[0] ?? 0, plan)
    return plan
  }

  apply(at: number, plan: string): void {
    const confirm = recoveryPhrase(parsePlan(readFileSync(plan, 'utf8')))
    this.#offline(`apply ${this.#peer(at).data} ${plan} --confirm "${confirm}"`)
  }

  #offline(args: string): string {
    const { status, stdout, stderr } = run(`node ${this.#main} recover ${args}`, this.#folder)
    if (status !== 0) throw new Error(`recover ${args}: ${stderr}`)
    return stdout
  }

  #peer(at: number): PeerProcess {
    const peer = this.peers[at]
    if (peer === undefined) throw new RangeError(`there is no peer ${at}`)
    return peer
  }

  /** Where it was: if all moved at once, nobody would find anybody. */
  #addressOf(at: number): string | undefined {
    const [address = ''] = this.peers[at]?.announcement?.addresses ?? []
    const [, host, port] = /^\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
    if (port !== undefined) this.#addresses.set(at, `${host}:${port}`)
    return this.#addresses.get(at)
  }

  #spawn(at: number, flags: readonly string[]): PeerProcess {
    const { listen = '', wrapper = [] } = this.#places[at] ?? {}
    return new PeerProcess(`p${at}`, {
      main: this.#main,
      data: join(this.#folder, `p${at}`),
      flags: [...common, '--listen', this.#addressOf(at) ?? listen, ...flags],
      wrapper,
    })
  }
}

/** A bridge and a namespace for each peer; undefined, and why, where that is not allowed. */
export function namespaces(count: number): { places: Place[]; remove: () => void } | string {
  const tag = `hf${process.pid % 10_000}`
  const shell = (line: string): string | undefined => {
    const { status, stderr } = run(line, '/')
    return status === 0 ? undefined : `${line}: ${stderr.trim()}`
  }
  if (process.platform !== 'linux') return 'namespaces are of Linux'
  if (process.getuid?.() !== 0) return 'namespaces need root'
  const names = Array.from({ length: count }, (_, at) => `${tag}-${at}`)
  const remove = (): void => {
    for (const name of [`${tag}-hub`, ...names]) run(`ip netns del ${name}`, '/')
  }
  const lines = [
    `ip netns add ${tag}-hub`,
    `ip -n ${tag}-hub link add br0 type bridge`,
    `ip -n ${tag}-hub link set br0 up`,
    ...names.flatMap((name, at) => [
      `ip netns add ${name}`,
      `ip -n ${tag}-hub link add v${at} type veth peer name eth0 netns ${name}`,
      `ip -n ${tag}-hub link set v${at} master br0 up`,
      `ip -n ${name} addr add 10.77.0.${at + 1}/24 dev eth0`,
      `ip -n ${name} link set eth0 up`,
      `ip -n ${name} link set lo up`,
      `ip netns exec ${name} nft list ruleset`,
    ]),
  ]
  for (const line of lines) {
    const trouble = shell(line)
    if (trouble === undefined) continue
    remove()
    return trouble
  }
  return { places: names.map((name, at) => placeIn(name, `10.77.0.${at + 1}`)), remove }
}

function placeIn(name: string, address: string): Place {
  const nft = (rules: string): void => {
    const { status, stderr } = run(`ip netns exec ${name} nft '${rules}'`, '/')
    if (status !== 0) throw new Error(`nft ${rules}: ${stderr}`)
  }
  const chain = (hook: 'input' | 'output'): string =>
    `add chain inet cut ${hook} { type filter hook ${hook} priority 0; }; ` +
    `add rule inet cut ${hook} ${hook === 'input' ? 'iifname' : 'oifname'} "eth0" drop`
  return {
    listen: `${address}:4801`,
    wrapper: ['ip', 'netns', 'exec', name],
    isolate: direction => {
      const hooks = direction === 'both' ? (['input', 'output'] as const) : undefined
      const one = direction === 'in' ? ('input' as const) : ('output' as const)
      nft(`add table inet cut; ${(hooks ?? [one]).map(chain).join('; ')}`)
    },
    heal: () => nft('delete table inet cut'),
  }
}
