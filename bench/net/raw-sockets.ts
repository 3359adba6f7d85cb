import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'

/**
 * The references: a plain socket, and one with TLS 1.3 as Node does it. The receiver answers one byte
 * for each `ANSWER_BYTES` it has taken, so that the sender knows what has arrived.
 */
export const ANSWER_BYTES = 1_048_576

export interface RawPorts {
  readonly tcp: number
  readonly tls: number
}

/** Listens with both; in the receiving process. */
export async function listenRaw(): Promise<RawPorts> {
  const tcp = createServer(answer)
  const tls = createTlsServer({ ...certificate(), minVersion: 'TLSv1.3' }, answer)
  return { tcp: await listen(tcp), tls: await listen(tls) }
}

export const openTcp = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })

export const openTls = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
      resolve(socket),
    )
    socket.once('error', reject)
  })

/** Sends so many times `ANSWER_BYTES` and returns when all of it has arrived. */
export function push(socket: Socket, times: number, chunk: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    let answers = 0
    const count = (bytes: Uint8Array): void => {
      answers += bytes.length
      if (answers < times) return
      socket.off('data', count)
      resolve()
    }
    socket.on('data', count)
    let left = (times * ANSWER_BYTES) / chunk.length
    const fill = (): void => {
      while (left > 0) {
        left--
        if (!socket.write(chunk)) {
          socket.once('drain', fill)
          return
        }
      }
    }
    fill()
  })
}

function answer(socket: Socket): void {
  let taken = 0
  socket.on('error', () => undefined)
  socket.on('data', bytes => {
    taken += bytes.length
    const answers = Math.floor(taken / ANSWER_BYTES)
    taken -= answers * ANSWER_BYTES
    if (answers > 0) socket.write(new Uint8Array(answers))
  })
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** Made for this run by the openssl command. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const made = spawnSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=bench -days 1 -keyout ${key} -out ${cert}`.split(
        ' ',
      ),
    )
    if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr.toString()}`)
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
