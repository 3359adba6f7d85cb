/**
 * The access keys of the network, as a gateway uses them. A key that was looked up is believed for a
 * few seconds, so a request costs no question to the system group, and one that was revoked
 * elsewhere works for as long at most; see `Remembered`.
 */
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { HoldfastNode } from '../../node/create-node.ts'
import type { NodeKv } from '../../node/kv/node-kv.ts'
import { Remembered } from '../remembered.ts'
import {
  type AccessKey,
  type AccessKeyView,
  decodeAccessKey,
  decodeView,
  drawId,
  drawSecret,
  encodeAccessKey,
  isKeyId,
  KEYS_PREFIX,
} from './access-key.ts'
import type { Right } from './rights.ts'

/** For a key that is known already the map is asked only so long. */
const ASK_AGAIN_MS = 1_000
const ASK_MS = 5_000
const NAME_CHARS_MAX = 128
const PAGE_MAX = 500

export interface KeyRingOptions {
  readonly kv: Pick<NodeKv, 'cas' | 'delete' | 'get' | 'list'>
  /** 32 bytes that only full members have. Asked for when the first key is used. */
  readonly wrapping: () => Uint8Array
  readonly nowMs: () => number
}

export interface CreateKeyOptions {
  readonly name?: string | undefined
  readonly rights: readonly Right[]
  readonly signal?: AbortSignal | undefined
}

export class KeyRing {
  readonly #options: KeyRingOptions
  readonly #known: Remembered<AccessKey | undefined>

  constructor(options: KeyRingOptions) {
    this.#options = options
    this.#known = new Remembered({
      ask: (id, isKnown) => this.#read(id, isKnown ? ASK_AGAIN_MS : ASK_MS),
      isPassing: error => codeOf(error) !== undefined,
      nowMs: options.nowMs,
    })
  }

  /** A key by its name; undefined if there is none, or none any more. */
  async find(id: string): Promise<AccessKey | undefined> {
    if (!isKeyId(id)) return undefined
    return this.#known.get(id)
  }

  /** The secret is in what this returns, and is never shown again. */
  async create({ name = '', rights, signal }: CreateKeyOptions): Promise<AccessKey> {
    if (name.length > NAME_CHARS_MAX || /\p{Cc}/u.test(name)) throw invalidName()
    const createdMs = Math.floor(this.#options.nowMs())
    const key: AccessKey = { id: drawId(), name, createdMs, rights, secret: drawSecret() }
    await this.add(key, signal)
    return key
  }

  /** Adds a key that was made before. @throws {HoldfastError} `CONFIG_INVALID` if its id is taken */
  async add(key: AccessKey, signal?: AbortSignal): Promise<void> {
    const value = encodeAccessKey(key, this.#options.wrapping())
    const change = { key: `${KEYS_PREFIX}${key.id}`, expected: { type: 'absent' }, value } as const
    const answer = await this.#options.kv.cas(change, { signal })
    if (answer.type !== 'written') throw taken()
    this.#known.set(key.id, key)
  }

  /** A new key beside the old one, with the same name and rights: revoke the old one when all use it. */
  async rotate(id: string, signal?: AbortSignal): Promise<AccessKey> {
    const entry = await this.#options.kv.get(`${KEYS_PREFIX}${id}`, { signal })
    if (entry === undefined) throw unknown(id)
    const { name, rights } = decodeView(entry.value)
    return this.create({ name, rights, signal })
  }

  /** @throws {HoldfastError} `NO_SUCH_ACCESS_KEY` */
  async revoke(id: string, signal?: AbortSignal): Promise<void> {
    const isThere = await this.#options.kv.delete(`${KEYS_PREFIX}${id}`, { signal })
    this.#known.set(id, undefined)
    if (!isThere) throw unknown(id)
  }

  /** All keys, without their secrets, by id. */
  async list(signal?: AbortSignal): Promise<readonly AccessKeyView[]> {
    const views: AccessKeyView[] = []
    for (let after = ''; ;) {
      const page = await this.#options.kv.list(KEYS_PREFIX, { after, signal })
      views.push(...page.entries.slice(0, PAGE_MAX).map(({ value }) => decodeView(value)))
      const last = page.entries.at(-1)
      if (!page.isMore || last === undefined) return views
      after = last.key
    }
  }

  async #read(id: string, deadlineMs: number): Promise<AccessKey | undefined> {
    const entry = await this.#options.kv.get(`${KEYS_PREFIX}${id}`, { deadlineMs })
    return entry && decodeAccessKey(entry.value, this.#options.wrapping())
  }
}

/** The keys of a peer's network. */
export const keyRingOf = (node: Pick<HoldfastNode, 'deriveKey' | 'kv'>): KeyRing =>
  new KeyRing({
    kv: node.kv,
    wrapping: () => node.deriveKey('access keys'),
    nowMs: () => Date.now(),
  })

const unknown = (id: string): HoldfastError =>
  new HoldfastError(`There is no access key ${id}`, { code: 'NO_SUCH_ACCESS_KEY', id })

const taken = (): HoldfastError => invalid('id', 'it is taken')

const invalidName = (): HoldfastError =>
  invalid('name', `it has at most ${NAME_CHARS_MAX} characters, and no control characters`)

const invalid = (key: string, reason: string): HoldfastError =>
  new HoldfastError(`Cannot make the access key: ${key}: ${reason}`, {
    code: 'CONFIG_INVALID',
    key,
    reason,
  })
