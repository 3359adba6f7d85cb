import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'

import { type Gateway, startGateway } from '../../src/gateway/gateway.ts'
import { findAccess } from '../../src/gateway/local-access.ts'
import { createNode, type HoldfastNode } from '../../src/node/create-node.ts'
import { silentLog } from '../../src/node/log.ts'
import { withDirectory } from './temporary.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string | Uint8Array
}

export interface Told {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Scene {
  readonly node: HoldfastNode
  readonly gateway: Gateway
  readonly directory: string
  readonly ask: (path: string, asked?: Asked) => Promise<Told>
  readonly bearer: Record<string, string>
}

interface SceneOptions {
  readonly paceMs?: number
  readonly consoleDirectory?: string
  readonly metricsAreOpen?: boolean
}

/** A peer with a gateway, for as long as a test takes. */
export function withGateway(
  story: (scene: Scene) => Promise<void>,
  options: SceneOptions = {},
): Promise<void> {
  return withDirectory(async directory => {
    const { scene, close } = await openScene(directory, options)
    try {
      await story(scene)
    } finally {
      await close()
    }
  })
}

/** A peer with a gateway for all tests of a file: a peer takes longer to start than they take. */
export function sharedGateway(options: SceneOptions = {}): () => Scene {
  let opened: Awaited<ReturnType<typeof openScene>> | undefined
  let directory = ''
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
    opened = await openScene(directory, options)
  })
  after(async () => {
    await opened?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return () => {
    if (opened === undefined) throw new Error('the gateway is there while tests run')
    return opened.scene
  }
}

async function openScene(
  directory: string,
  given: SceneOptions = {},
): Promise<{ readonly scene: Scene; readonly close: () => Promise<void> }> {
  const node = createNode({ dataDirectory: directory, listen: ['/ip4/127.0.0.1/tcp/0'] })
  await node.start()
  const options = { node, dataDirectory: directory, log: silentLog, ...given }
  const gateway = await startGateway({ ...options, port: 0, mayMove: false })
  const { token } = await findAccess(directory)
  const bearer = { authorization: `Bearer ${token}` }
  const scene: Scene = {
    node,
    gateway,
    directory,
    bearer,
    ask: (...args) => ask(gateway.url, ...args),
  }
  const close = async (): Promise<void> => {
    await gateway.stop()
    await node.stop()
  }
  return { scene, close }
}

/** Unlike `fetch` it sends the path as it is, and any Host. */
export function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Told> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request({ host: hostname, port, path, method, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      )
    })
    sent.on('error', reject)
    // As bytes: with text, Node would encode the headers in the way of the body.
    sent.end(typeof body === 'string' ? Buffer.from(body) : body)
  })
}
