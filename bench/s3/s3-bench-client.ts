import { Agent, type IncomingMessage, request } from 'node:http'

import { findAccess } from '../../src/gateway/local-access.ts'
import { type Pair, S3Client } from '../../test/support/s3-client.ts'

interface Sent {
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** As many connections as there are clients, kept open; bodies unsigned, as most tools send them. */
export class S3BenchClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #signer: S3Client
  readonly #url: URL

  constructor(url: string, key: Pair) {
    this.#url = new URL(url)
    this.#signer = new S3Client(url, key)
  }

  /** With a new key of the peer whose data lie here. */
  static async of(dataDirectory: string): Promise<S3BenchClient> {
    const { url, token } = await findAccess(dataDirectory)
    const everything = [{ bucket: '*', allows: ['admin'] }]
    const made = await fetch(new URL('/api/v1/keys', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'bench', rights: everything }),
    })
    if (!made.ok) throw new Error(await made.text())
    return new S3BenchClient(url, (await made.json()) as Pair)
  }

  /** Resolves to how many bytes came back. @throws for whatever is not a success */
  async ask(method: string, path: string, { query, headers, body }: Sent = {}): Promise<number> {
    const { host, hostname, port } = this.#url
    const payload = 'UNSIGNED-PAYLOAD'
    const asked = { host, payload, ...(query && { query }), ...(headers && { headers }) }
    const signed = this.#signer.signed(method, path, asked)
    const length = body === undefined ? {} : { 'content-length': String(body.length) }
    const target = query === undefined ? path : `${path}?${query}`
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const sent = request({
      hostname,
      port,
      path: target,
      method,
      headers: { ...signed, ...length },
      agent: this.#agent,
      setHost: false,
    })
    sent.once('response', resolve).once('error', reject).end(body)
    const response = await promise
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length
    if ((response.statusCode ?? 0) >= 300)
      throw new Error(`${method} ${path}: ${response.statusCode}`)
    return bytes
  }

  close(): void {
    this.#agent.destroy()
  }
}
