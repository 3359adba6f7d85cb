import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Why no chronyd can be started here; undefined if one can. */
export function whyNoChronyd(): string | undefined {
  if (spawnSync('chronyd', ['--version']).error !== undefined) return 'there is no chronyd here'
  return process.getuid?.() === 0 ? undefined : 'chronyd runs as root only'
}

/** A port that nobody uses at this moment. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/**
 * A real chronyd on loopback that serves this machine's clock as the truth, and leaves it alone
 * (`-x`). It has its own port, its own configuration, and no other way in.
 */
export class Chronyd {
  readonly #process: ChildProcess

  private constructor(child: ChildProcess) {
    this.#process = child
  }

  static start(directory: string, port: number): Chronyd {
    const configuration = join(directory, 'chrony.conf')
    const lines = [
      'local stratum 1',
      'allow 127.0.0.0/8',
      `port ${port}`,
      'bindaddress 127.0.0.1',
      'cmdport 0',
      'bindcmdaddress /',
      `pidfile ${join(directory, 'chronyd.pid')}`,
    ]
    writeFileSync(configuration, `${lines.join('\n')}\n`)
    const args = ['-x', '-d', '-u', 'root', '-f', configuration]
    return new Chronyd(spawn('chronyd', args, { stdio: 'ignore' }))
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await exited
  }
}
