import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
const LOG_CHARS_KEPT = 4000

/** Settings of this terminal must not reach the peers of the demo. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_')),
)
const living = new Set<DemoPeer>()
process.once('exit', () => {
  for (const { child } of living) child.kill('SIGKILL')
})

/** A peer in a process of its own. */
export class DemoPeer {
  readonly name: string
  readonly data: string
  readonly child: ChildProcess
  url = ''
  #log = ''

  /** Resolves when it is a member of its network; makes one if there is no invite. */
  static async start(
    name: string,
    folder: string,
    invite: string | undefined,
    signal: AbortSignal,
  ): Promise<DemoPeer> {
    signal.throwIfAborted()
    const peer = new DemoPeer(name, join(folder, name), invite)
    await peer.#up(signal)
    return peer
  }

  private constructor(name: string, data: string, invite: string | undefined) {
    this.name = name
    this.data = data
    const flags = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--profile', 'fast']
    const joining = invite === undefined ? [] : ['--join', invite]
    this.child = spawn(
      process.execPath,
      ['--conditions=source', main, 'up', '--json', '--data', data, '--name', name].concat(
        flags,
        joining,
      ),
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: environment,
        // A group of its own: Ctrl-C is for the demo, which then stops its peers in order.
        detached: process.platform !== 'win32',
      },
    )
    this.child.stderr?.on('data', text => {
      this.#log = `${this.#log}${String(text)}`.slice(-LOG_CHARS_KEPT)
    })
    living.add(this)
    this.child.once('exit', () => living.delete(this))
  }

  async #up(signal: AbortSignal): Promise<void> {
    let output = ''
    const ended = once(this.child, 'exit').then(() => {
      throw new Error(`${this.name} could not start: ${this.#log}`)
    })
    ended.catch(() => undefined)
    const announced = new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.child.stdout?.on('data', text => {
        output += String(text)
        if (output.includes('\n')) resolve()
      })
    })
    await Promise.race([announced, ended])
    this.url = (JSON.parse(output) as { gateway: string }).gateway
  }

  /** Without a warning, as when the power goes. */
  async kill(): Promise<void> {
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    await exited
  }
}

/** Stops every peer that is left, in order. */
export async function stopAll(): Promise<void> {
  await Promise.all([...living].map(peer => peer.stop()))
}

/** Runs a command of the program against a peer; resolves to what it printed. */
export async function holdfast(
  { data }: DemoPeer,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly all: string }> {
  const child = spawn(process.execPath, ['--conditions=source', main, ...args, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  })
  let [stdout, all] = ['', '']
  child.stdout.on('data', text => {
    stdout += String(text)
    all += String(text)
  })
  child.stderr.on('data', text => (all += String(text)))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status === 0) return { stdout, all }
  throw new Error(`holdfast ${args.join(' ')} ended with ${status}:\n${all}`)
}
