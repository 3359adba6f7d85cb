import { createHash, createHmac, type Hash } from 'node:crypto'
import { Agent, request } from 'node:http'

/**
 * A small client of S3 that signs as the specification says and leaves everything else to the test:
 * raw paths, any header, a body that is anything. Written from the outside: it shares no code with
 * what it tests.
 */
export interface S3Asked {
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Instead of the hash of the body. */
  readonly payload?: string
  /** Not signed at all. */
  readonly isAnonymous?: boolean
  readonly at?: Date
  readonly region?: string
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
  readonly host?: string
}

export interface S3Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  readonly text: string
  /** The error's code; undefined if it is none. */
  readonly code: string | undefined
  /** The text of the first element of this name. */
  readonly xml: (name: string) => string | undefined
  /** Of all of them. */
  readonly all: (name: string) => readonly string[]
}

export interface Pair {
  readonly id: string
  readonly secret: string
}

export class S3Client {
  readonly #url: URL
  readonly #pair: Pair
  readonly #agent = new Agent({ keepAlive: false })

  constructor(url: string, pair: Pair) {
    this.#url = new URL(url)
    this.#pair = pair
  }

  /** The same place as somebody else. */
  as(pair: Pair): S3Client {
    return new S3Client(this.#url.href, pair)
  }

  async ask(method: string, path: string, asked: S3Asked = {}): Promise<S3Told> {
    const host = asked.host ?? this.#url.host
    const body = typeof asked.body === 'string' ? Buffer.from(asked.body) : asked.body
    const headers = asked.isAnonymous
      ? { host, ...asked.headers }
      : this.signed(method, path, { ...asked, host })
    return this.send(method, path, { ...asked, headers: { ...headers, ...asked.unsigned }, body })
  }

  /** The headers of a signed request. */
  signed(method: string, path: string, asked: S3Asked & { host: string }): Record<string, string> {
    const { query = '', at = new Date(), region = 'us-east-1', host } = asked
    const body = asked.body ?? ''
    const moment = at.toISOString().replaceAll(/[:-]|\.\d+/g, '')
    const payload = asked.payload ?? sha256(body)
    const headers: Record<string, string> = {
      host,
      'x-amz-date': moment,
      'x-amz-content-sha256': payload,
      ...lower(asked.headers ?? {}),
    }
    const names = Object.keys(headers).toSorted()
    const canonical = [
      method,
      path,
      query
        .split('&')
        .filter(Boolean)
        .map(pair => (pair.includes('=') ? pair : `${pair}=`))
        .toSorted()
        .join('&'),
      ...names.map(name => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
      '',
      names.join(';'),
      payload,
    ].join('\n')
    const scope = `${moment.slice(0, 8)}/${region}/s3/aws4_request`
    const text = ['AWS4-HMAC-SHA256', moment, scope, sha256(Buffer.from(canonical, 'latin1'))].join(
      '\n',
    )
    const signature = hmac(signingKey(this.#pair.secret, scope), text).toString('hex')
    const authorization = `AWS4-HMAC-SHA256 Credential=${this.#pair.id}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
    return { ...headers, authorization }
  }

  /** A query that may be sent by anybody for a while. */
  presign(
    method: string,
    path: string,
    {
      query = '',
      at = new Date(),
      seconds = 60,
      host = this.#url.host,
    }: { query?: string; at?: Date; seconds?: number | string; host?: string } = {},
  ): string {
    const moment = at.toISOString().replaceAll(/[:-]|\.\d+/g, '')
    const scope = `${moment.slice(0, 8)}/us-east-1/s3/aws4_request`
    const pairs = [
      ...query.split('&').filter(Boolean),
      'X-Amz-Algorithm=AWS4-HMAC-SHA256',
      `X-Amz-Credential=${encodeURIComponent(`${this.#pair.id}/${scope}`)}`,
      `X-Amz-Date=${moment}`,
      `X-Amz-Expires=${seconds}`,
      'X-Amz-SignedHeaders=host',
    ].toSorted()
    const canonical = [
      method,
      path,
      pairs.join('&'),
      `host:${host}`,
      '',
      'host',
      'UNSIGNED-PAYLOAD',
    ].join('\n')
    const text = ['AWS4-HMAC-SHA256', moment, scope, sha256(canonical)].join('\n')
    const signature = hmac(signingKey(this.#pair.secret, scope), text).toString('hex')
    return `${pairs.join('&')}&X-Amz-Signature=${signature}`
  }

  /** Sends just this. */
  send(
    method: string,
    path: string,
    {
      query = '',
      headers = {},
      body,
    }: Pick<S3Asked, 'query' | 'headers'> & { body?: string | Uint8Array | undefined } = {},
  ): Promise<S3Told> {
    const target = query === '' ? path : `${path}?${query}`
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          path: target,
          method,
          headers,
          agent: this.#agent,
          setHost: false,
        },
        response => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const bytes = Buffer.concat(chunks)
            const told = Object.entries(response.headers).map(([name, value]) => [
              name,
              String(value),
            ])
            resolve(
              toldOf(
                response.statusCode ?? 0,
                Object.fromEntries(told) as Record<string, string>,
                bytes,
              ),
            )
          })
        },
      )
      sent.on('error', reject)
      sent.end(typeof body === 'string' ? Buffer.from(body) : body)
    })
  }

  /** The body of a signed stream, chunk by chunk, and the headers it needs. */
  chunked(
    path: string,
    chunks: readonly Uint8Array[],
    {
      headers = {},
      trailer,
      at = new Date(),
    }: { headers?: Record<string, string>; trailer?: readonly [string, string]; at?: Date } = {},
  ): { readonly headers: Record<string, string>; readonly body: Buffer } {
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const payload = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`
    const signedHeaders = this.signed('PUT', path, {
      host: this.#url.host,
      at,
      payload,
      headers: {
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': String(size),
        ...(trailer && { 'x-amz-trailer': trailer[0] }),
        ...headers,
      },
    })
    const moment = signedHeaders['x-amz-date'] ?? ''
    const scope = `${moment.slice(0, 8)}/us-east-1/s3/aws4_request`
    const key = signingKey(this.#pair.secret, scope)
    let previous = /Signature=(\w+)/.exec(signedHeaders['authorization'] ?? '')?.[1] ?? ''
    const parts = [...chunks, Buffer.alloc(0)].map(chunk => {
      const text = [
        'AWS4-HMAC-SHA256-PAYLOAD',
        moment,
        scope,
        previous,
        sha256(''),
        sha256(chunk),
      ].join('\n')
      previous = hmac(key, text).toString('hex')
      const end = chunk.length === 0 ? '' : '\r\n'
      return Buffer.concat([
        Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previous}\r\n`),
        chunk,
        Buffer.from(end),
      ])
    })
    if (trailer === undefined)
      return { headers: signedHeaders, body: Buffer.concat([...parts, Buffer.from('\r\n')]) }
    const line = `${trailer[0]}:${trailer[1]}`
    const text = ['AWS4-HMAC-SHA256-TRAILER', moment, scope, previous, sha256(`${line}\n`)].join(
      '\n',
    )
    const signature = hmac(key, text).toString('hex')
    const end = Buffer.from(`${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`)
    return { headers: signedHeaders, body: Buffer.concat([...parts, end]) }
  }

  /** The fields of a form that may upload what the conditions allow. */
  form(
    conditions: readonly unknown[],
    { expires = new Date(Date.now() + 60_000) }: { expires?: Date } = {},
  ): Record<string, string> {
    const moment = new Date().toISOString().replaceAll(/[:-]|\.\d+/g, '')
    const scope = `${moment.slice(0, 8)}/us-east-1/s3/aws4_request`
    const fields = {
      'x-amz-algorithm': 'AWS4-HMAC-SHA256',
      'x-amz-credential': `${this.#pair.id}/${scope}`,
      'x-amz-date': moment,
    }
    const all = [
      ...conditions,
      ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
    ]
    const policy = Buffer.from(
      JSON.stringify({ expiration: expires.toISOString(), conditions: all }),
    ).toString('base64')
    return {
      ...fields,
      policy,
      'x-amz-signature': hmac(signingKey(this.#pair.secret, scope), policy).toString('hex'),
    }
  }
}

function toldOf(status: number, headers: Record<string, string>, bytes: Buffer): S3Told {
  const text = bytes.toString()
  const all = (name: string): readonly string[] =>
    [...text.matchAll(new RegExp(`<${name}(?: [^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map(
      ([, found = '']) => found,
    )
  const xml = (name: string): string | undefined => all(name)[0]
  return {
    status,
    headers,
    bytes,
    text,
    xml,
    all,
    code: text.includes('<Error>') ? xml('Code') : undefined,
  }
}

const lower = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

export const sha256 = (bytes: string | Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

export const md5 = (bytes: string | Uint8Array): Hash => createHash('md5').update(bytes)

const hmac = (key: string | Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(Buffer.from(text, 'latin1')).digest()

function signingKey(secret: string, scope: string): Buffer {
  const [date = '', region = '', service = '', end = ''] = scope.split('/')
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), end)
}
