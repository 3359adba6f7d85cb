import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'

import { concat, fromHex } from '../base/bytes.ts'
import type { PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'

/** Longer than any identity file. */
const FILE_BYTES_MAX = 256
const OTHERS_MODE = 0o077
const SIGNATURE_BYTES = 64

/** Who a peer is: an Ed25519 key, whose public half is the peer id. */
export interface Identity {
  readonly peer: PeerId
  readonly privateKey: Ed25519PrivateKey
  /** 64 bytes that `isSignedBy` accepts. Put a domain in front of what you sign. */
  sign(bytes: Uint8Array): Uint8Array
}

/** A new identity, kept nowhere. */
export async function createIdentity(): Promise<Identity> {
  return identityOf(await generateKeyPair('Ed25519'))
}

/** The same seed, the same identity: for tests. */
export async function identityFromSeed(seed: Uint8Array): Promise<Identity> {
  return identityOf(await generateKeyPairFromSeed('Ed25519', seed))
}

/**
 * The identity in a file, which is made if it is not there: durably and atomically, for its owner
 * alone. A file that others may read, or a link, is refused: the key is then no longer a secret.
 * @throws {HoldfastError} `FILE_FORBIDDEN`, `MALFORMED`, `FILE_NOT_FOUND` (no such directory)
 */
export async function openIdentity(path: string): Promise<Identity> {
  const found = await readIfThere(path)
  if (found !== undefined) return found
  const identity = await createIdentity()
  await writeNew(path, privateKeyToProtobuf(identity.privateKey))
  return identity
}

/** Did this peer sign these bytes? False for anything that is no Ed25519 peer id. */
export function isSignedBy(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  const key = publicKeyOf(peer)
  return key !== undefined && verify(null, bytes, key, signature)
}

/** Is this the text of a peer id, spelt as the id spells itself? */
export const isPeerId = (text: string): boolean => publicKeyOf(text) !== undefined

const keys = new Map<PeerId, KeyObject>()
/** Public keys that are remembered: making one costs as much as a verification. */
const KEYS_MAX = 2_048
/** DER of an Ed25519 public key, up to the key itself. */
const SPKI_PREFIX = fromHex('302a300506032b6570032100')
const PEER_ID_CHARS_MAX = 64

function publicKeyOf(peer: PeerId): KeyObject | undefined {
  const known = keys.get(peer)
  if (known !== undefined) return known
  const raw = rawKeyOf(peer)
  if (raw === undefined) return undefined
  const der = Buffer.from(concat([SPKI_PREFIX, raw]))
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  if (keys.size >= KEYS_MAX) keys.delete(keys.keys().next().value as PeerId)
  keys.set(peer, key)
  return key
}

function rawKeyOf(peer: PeerId): Uint8Array | undefined {
  if (peer.length > PEER_ID_CHARS_MAX) return undefined
  try {
    const id = peerIdFromString(peer)
    return id.type === 'Ed25519' && id.toString() === peer ? id.publicKey.raw : undefined
  } catch {
    return undefined
  }
}

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return {
    peer: peerIdFromPrivateKey(privateKey).toString(),
    privateKey,
    // Ed25519 in Node is synchronous; the type allows for keys that are not.
    sign: bytes => privateKey.sign(bytes) as Uint8Array,
  }
}

async function readIfThere(path: string): Promise<Identity | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    checkMode(path, await file.stat())
    const { buffer, bytesRead } = await file.read(new Uint8Array(FILE_BYTES_MAX))
    return identityOf(decode(path, buffer.subarray(0, bytesRead)))
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw forbidden(path, code === 'ELOOP' ? 'it is a link' : String(code), error)
  } finally {
    await file?.close()
  }
}

function checkMode(path: string, stats: Stats): void {
  if (!stats.isFile()) throw forbidden(path, 'it is no file')
  if (process.platform === 'win32' || (stats.mode & OTHERS_MODE) === 0) return
  throw forbidden(path, `others may use it (mode ${(stats.mode & 0o777).toString(8)}), chmod 600`)
}

function decode(path: string, bytes: Uint8Array): Ed25519PrivateKey {
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type === 'Ed25519') return key
  } catch {
    // Whatever is in the file, its bytes must not get into a message.
  }
  throw new HoldfastError(`Cannot use identity ${path}: it holds no Ed25519 key`, {
    code: 'MALFORMED',
    what: 'identity',
    offset: 0,
  })
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  try {
    // A draft left behind by a crash was never the identity of anything.
    await unlink(draft).catch(() => undefined)
    await withFile(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, async file => {
      await file.writeFile(bytes)
      await file.sync()
    })
    await rename(draft, path)
    if (process.platform === 'win32') return
    await withFile(dirname(path), constants.O_RDONLY, file => file.sync())
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw forbidden(path, String(code), error)
    throw new HoldfastError(
      `Cannot create identity ${path}: no such directory`,
      {
        code: 'FILE_NOT_FOUND',
        path,
      },
      { cause: error },
    )
  }
}

async function withFile(
  path: string,
  flags: number,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}

const forbidden = (path: string, why: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot use identity ${path}: ${why}`,
    { code: 'FILE_FORBIDDEN', path, operation: 'read' },
    { cause },
  )
