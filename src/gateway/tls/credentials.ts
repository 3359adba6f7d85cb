import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'

import { HoldfastError } from '../../base/errors.ts'
import type { Log } from '../../node/log.ts'

/** A certificate with those that vouch for it, and its key: both as PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** What a server proves itself with; may be replaced while it runs. */
export interface Credentials {
  readonly current: KeyPair
  /** SHA-256 of the certificate, as `X509Certificate` writes it. */
  readonly fingerprint: string
  onChange(listener: Listener): void
  /** Looks whether there is something newer; what cannot be used is not. */
  reload(): Promise<void>
  close(): void
}

/** What it does is waited for. */
type Listener = (current: KeyPair) => void | Promise<void>

/** How often files are looked at. */
const LOOK_EVERY_MS = 5_000

/** Credentials from wherever they come, looked for again now and then. */
export class ReloadingCredentials implements Credentials {
  readonly #load: () => Promise<KeyPair>
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  readonly #listeners: Listener[] = []
  #current: KeyPair
  #failure = ''

  /** @throws {HoldfastError} `CONFIG_INVALID` if there are none that can be used */
  static async open(
    load: () => Promise<KeyPair>,
    log: Log,
    everyMs: number = LOOK_EVERY_MS,
  ): Promise<ReloadingCredentials> {
    return new ReloadingCredentials(load, checked(await load()), log, everyMs)
  }

  private constructor(load: () => Promise<KeyPair>, first: KeyPair, log: Log, everyMs: number) {
    this.#load = load
    this.#log = log
    this.#current = first
    this.#timer = setInterval(() => void this.reload(), everyMs)
    this.#timer.unref()
  }

  get current(): KeyPair {
    return this.#current
  }

  get fingerprint(): string {
    return new X509Certificate(this.#current.cert).fingerprint256
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener)
  }

  async reload(): Promise<void> {
    try {
      const found = await this.#load()
      if (digestOf(found) === digestOf(this.#current)) return
      // Half of a replacement may be there: then the old ones serve until the rest is.
      this.#current = checked(found)
      this.#failure = ''
      const { validTo: until, subject } = new X509Certificate(found.cert)
      this.#log.info('certificate replaced', { subject, until })
      for (const listener of this.#listeners) await listener(this.#current)
    } catch (error) {
      const reason = String(error)
      if (reason !== this.#failure) this.#log.warn('certificate not replaced', { reason })
      this.#failure = reason
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#listeners.length = 0
  }
}

/** Files of a certificate and its key, as PEM. */
export const pairIn =
  (certPath: string, keyPath: string): (() => Promise<KeyPair>) =>
  async () => ({ cert: await readPem(certPath), key: await readPem(keyPath) })

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unusable(path, (error as Error).message, error)
  }
}

/** @throws {HoldfastError} `CONFIG_INVALID` for what does not belong together, or has expired */
function checked(pair: KeyPair): KeyPair {
  try {
    createSecureContext(pair)
  } catch (error) {
    throw unusable('certificate and key', (error as Error).message, error)
  }
  const { validTo } = new X509Certificate(pair.cert)
  if (Date.parse(validTo) <= Date.now()) throw unusable('certificate', `it ended on ${validTo}`)
  return pair
}

const digestOf = ({ cert, key }: KeyPair): string =>
  createHash('sha256').update(cert).update('\0').update(key).digest('hex')

const unusable = (what: string, reason: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot use ${what}: ${reason}`,
    { code: 'CONFIG_INVALID', key: 'tls-cert', reason },
    { cause },
  )
