import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What a server says when it is ready. */
export interface Ready {
  readonly url: string
  readonly invite?: string
}

/** A server that was killed reads what it has, and catches up, beside others that are busy. */
const READY_MS = 180_000

/** A process of this example: its lines of output, one by one. */
export class Program {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>

  constructor(
    script: string,
    env: Record<string, string | undefined>,
    { wrapper = [], onLine }: { wrapper?: readonly string[]; onLine: (line: string) => void },
  ) {
    const node = [process.execPath, ...process.execArgv, join(import.meta.dirname, script)]
    const [command = '', ...rest] = [...wrapper, ...node]
    this.child = spawn(command, rest, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.exited = once(this.child, 'exit')
    programs.add(this)
    void this.exited.then(() => programs.delete(this))
    if (this.child.stdout !== null) createInterface(this.child.stdout).on('line', onLine)
  }

  tell(line: unknown): void {
    this.child.stdin?.write(`${JSON.stringify(line)}\n`)
  }

  async stop(): Promise<void> {
    this.child.kill('SIGCONT')
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000)
    await this.exited
    clearTimeout(timer)
  }
}

const programs = new Set<Program>()

/** Ends whatever runs. */
export const stopAll = async (): Promise<void> =>
  void (await Promise.all([...programs].map(program => program.stop())))

/** One server: may be killed, and started again with what is on its disk. */
export class ServerProcess {
  readonly name: string
  readonly #env: Record<string, string | undefined>
  readonly #wrapper: readonly string[]
  #program: Program | undefined
  ready: Ready = { url: '' }

  constructor(
    name: string,
    env: Record<string, string | undefined>,
    wrapper: readonly string[] = [],
  ) {
    this.name = name
    this.#env = env
    this.#wrapper = wrapper
  }

  async start(invite?: string): Promise<Ready> {
    const { promise, resolve, reject } = Promise.withResolvers<Ready>()
    const timer = setTimeout(() => reject(new Error(`${this.name} is not ready`)), READY_MS)
    // Where it was before, so that clients find it there again.
    const { port } = new URL(this.ready.url === '' ? 'http://none:0' : this.ready.url)
    const env = { ...this.#env, NAME: this.name, JOIN: invite, PORT: port || '0' }
    const program = new Program('server.ts', env, {
      wrapper: this.#wrapper,
      onLine: line => resolve(JSON.parse(line) as Ready),
    })
    this.#program = program
    void program.exited.then(() => reject(new Error(`${this.name} has ended`)))
    try {
      this.ready = await promise
      return this.ready
    } finally {
      clearTimeout(timer)
    }
  }

  /** As a power cut would, but for the disk. */
  async kill(): Promise<void> {
    this.#program?.child.kill('SIGKILL')
    await this.#program?.exited
  }

  pause(): void {
    this.#program?.child.kill('SIGSTOP')
  }

  resume(): void {
    this.#program?.child.kill('SIGCONT')
  }
}

/**
 * A network for each server and one for the clients, joined by a bridge, so that servers can be cut
 * off from each other. Nothing of the machine's own network is touched. Needs root on Linux.
 */
export class Networks {
  readonly #prefix = `hfpay${process.pid}`
  readonly #made: string[] = []
  readonly #count: number

  static canBeMade(): boolean {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
    try {
      const probe = `hfprobe${process.pid}`
      run(`ip netns add ${probe}`)
      try {
        run(`ip netns exec ${probe} nft add table inet probe`)
      } finally {
        run(`ip netns del ${probe}`)
      }
      return true
    } catch {
      return false
    }
  }

  constructor(count: number) {
    this.#count = count
    const hub = this.#namespace('hub')
    run(`ip netns exec ${hub} ip link add br0 type bridge`)
    run(`ip netns exec ${hub} ip link set br0 up`)
    for (let index = 0; index < count; index++) {
      const own = this.#namespace(String(index))
      run(`ip link add v${index} netns ${hub} type veth peer name eth0 netns ${own}`)
      run(`ip netns exec ${hub} ip link set v${index} master br0 up`)
      run(`ip netns exec ${own} ip addr add ${this.host(index)}/24 dev eth0`)
      run(`ip netns exec ${own} ip link set eth0 up`)
      run(`ip netns exec ${own} ip link set lo up`)
    }
  }

  host(index: number): string {
    return `10.98.0.${index + 1}`
  }

  enter(index: number): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.#prefix}-${index}`]
  }

  /** It hears nothing from the others any more; the last network, the clients', is no other. */
  cut(index: number): void {
    const others = Array.from({ length: this.#count - 1 }, (_, each) => each)
    const sources = others.filter(each => each !== index).map(each => this.host(each))
    const nft = (command: string): void => run(`${this.enter(index).join(' ')} nft ${command}`)
    nft('add table inet cut')
    nft('add chain inet cut input { type filter hook input priority 0 ; }')
    nft(`add rule inet cut input ip saddr { ${sources.join(', ')} } drop`)
  }

  heal(index: number): void {
    run(`${this.enter(index).join(' ')} nft delete table inet cut`)
  }

  remove(): void {
    for (const name of this.#made) run(`ip netns del ${name}`)
  }

  #namespace(suffix: string): string {
    const name = `${this.#prefix}-${suffix}`
    run(`ip netns add ${name}`)
    this.#made.push(name)
    return name
  }
}

function run(line: string): void {
  const [command = '', ...args] = line.split(' ')
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
