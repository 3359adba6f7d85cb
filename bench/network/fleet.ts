import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { createNode, type HoldfastNode } from '../../src/index.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const listen = '/ip4/127.0.0.1/tcp/0'
const READY_MS = 60_000
const TICKS_PER_SECOND = 100

/** Peers as processes of their own, and one in this process: the embedded API. */
export interface Fleet {
  readonly node: HoldfastNode
  readonly children: readonly ChildProcess[]
  /** Where the data of each of them lie. */
  readonly folders: readonly string[]
  /** CPU seconds of all peers since their start. */
  cpuSeconds(): number
  /** Peak memory of each process, in MiB, this one first. */
  peakMiB(): readonly number[]
  /** Ends the process of a peer at once. */
  kill(peer: string): Promise<void>
  stop(): Promise<void>
}

export async function startFleet(size: number): Promise<Fleet> {
  const root = mkdtempSync(join(process.cwd(), '.bench-network-'))
  const node = createNode({ dataDirectory: join(root, '0'), listen: [listen], profile: 'fast' })
  await node.start()
  const invite = await node.invite({ uses: size })
  const children: ChildProcess[] = []
  const folders = Array.from({ length: size - 1 }, (_, at) => join(root, String(at + 1)))
  const stop = async (): Promise<void> => {
    await node.stop()
    for (const child of children) {
      if (isRunning(child)) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
    rmSync(root, { recursive: true, force: true })
  }
  try {
    for (const [at, folder] of folders.entries())
      children.push(startPeer(folder, nameOf(at), invite))
    await storesOn(node, size)
    return {
      node,
      children,
      folders,
      stop,
      kill: async peer => {
        const known = node.peers().find(each => each.peer === peer)
        const child = children.find((_, at) => nameOf(at) === known?.name)
        if (child === undefined) throw new Error(`${peer} is no process of its own`)
        child.kill('SIGKILL')
        await once(child, 'exit')
      },
      cpuSeconds: () => cpuOf(children),
      peakMiB: () => peaks(children),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const nameOf = (child: number): string => `child-${child}`

function startPeer(data: string, name: string, invite: string): ChildProcess {
  const flags = [
    '--data',
    data,
    '--name',
    name,
    '--join',
    invite,
    '--listen',
    '127.0.0.1:0',
    '--gateway',
    '127.0.0.1:0',
  ]
  const args = [...process.execArgv, main, 'up', '--json', '--profile', 'fast', ...flags]
  return spawn(process.execPath, args, { stdio: 'ignore' })
}

/** Waits until an object is spread over as many peers as there are, or as its scheme wants. */
async function storesOn(node: HoldfastNode, size: number): Promise<void> {
  const endMs = performance.now() + READY_MS
  const place = { bucket: 'bench', key: 'probe' }
  let told: unknown
  while (performance.now() < endMs) {
    try {
      await node.createBucket('bench').catch(() => undefined)
      await node.put(place, new Uint8Array(100_000))
      const { segments } = await node.placement(place)
      if ((segments[0]?.fragments.length ?? 0) >= Math.min(size, 6)) return
    } catch (error) {
      told = error
    }
    await sleep(200)
  }
  throw new Error(`${size} peers do not store together`, { cause: told })
}

/** Of the processes of their own, from the kernel's accounts; and this one's. */
function cpuOf(children: readonly ChildProcess[]): number {
  const { user, system } = process.cpuUsage()
  const own = (user + system) / 1e6
  const others = children.filter(isRunning).map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  })
  return others.reduce((sum, seconds) => sum + seconds, own)
}

function peaks(children: readonly ChildProcess[]): readonly number[] {
  return [process.pid, ...children.filter(isRunning).map(({ pid }) => pid)].map(pid => {
    const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kib) / 1_024)
  })
}

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null
