/**
 * Certificates from the network itself. Every full member derives the same authority from the
 * network's key, so whoever trusts one peer's certificate trusts those of all, and nobody has to be
 * online to issue one. The authority can do nothing but vouch for gateways.
 *
 * Keys are of P-256, which every client and browser knows. A gateway draws its own at every start and
 * keeps it in memory; its certificate is short-lived and made anew long before it ends.
 */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

import type { KeyPair } from './credentials.ts'
import {
  bits,
  type Der,
  explicit,
  implicit,
  integer,
  objectId,
  octets,
  sequence,
  setOf,
  text,
  time,
  truth,
} from './der.ts'

/** What the authority's key is derived for. */
export const CA_PURPOSE = 'certificate authority of the gateways'
const DAY_MS = 86_400_000
/** The same at every peer, whenever it starts. */
const CA_FROM_MS = Date.UTC(2020, 0, 1)
const CA_UNTIL_MS = Date.UTC(2120, 0, 1)
const LEAF_MS = 60 * DAY_MS
const RENEW_MS = 20 * DAY_MS
/** Clocks of clients may be behind. */
const BACKDATED_MS = DAY_MS
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const ecdsaSha256 = sequence(objectId('1.2.840.10045.4.3.2'))

interface Signer {
  readonly name: Der
  readonly key: KeyObject
}

/** Issues certificates for the gateways of one network. */
export class NetworkCa {
  /** What clients have to trust, as PEM; the same at every peer. */
  readonly pem: string
  readonly #signer: Signer

  /** @param seed 32 bytes that all full members have and nobody else */
  constructor(seed: Uint8Array, networkId: string) {
    const key = keyFrom(seed)
    const name = nameOf(`Holdfast network ${networkId.slice(0, 16)}`)
    this.#signer = { name, key }
    this.pem = certificate(this.#signer, {
      subject: name,
      key,
      serial: createHash('sha256').update(seed).digest().subarray(0, 16),
      fromMs: CA_FROM_MS,
      untilMs: CA_UNTIL_MS,
      // Vouches for servers, and for no further authority.
      extensions: [
        extension('2.5.29.19', sequence(truth, integer(Uint8Array.of(0))), true),
        extension('2.5.29.15', bits(Uint8Array.of(0x06), 1), true),
        extension('2.5.29.14', octets(keyIdOf(key))),
      ],
    })
  }

  /** A key and its certificate for these names and addresses, with the authority behind it. */
  issue(names: readonly string[], nowMs: number): KeyPair {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cert = certificate(this.#signer, {
      subject: nameOf(names[0] ?? 'gateway'),
      key: publicKey,
      serial: randomBytes(16),
      fromMs: nowMs - BACKDATED_MS,
      untilMs: nowMs + LEAF_MS,
      extensions: [
        extension('2.5.29.19', sequence(), true),
        extension('2.5.29.15', bits(Uint8Array.of(0x80), 7), true),
        extension('2.5.29.37', sequence(objectId('1.3.6.1.5.5.7.3.1'))),
        extension('2.5.29.17', sequence(...names.map(alternativeName))),
        extension('2.5.29.35', sequence(implicit(0, keyIdOf(this.#signer.key)))),
      ],
    })
    return {
      cert: `${cert}${this.pem}`,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    }
  }

  /** Where credentials come from: the same until they should be renewed, or names have changed. */
  source(names: () => readonly string[], nowMs: () => number): () => Promise<KeyPair> {
    let issued:
      | { readonly pair: KeyPair; readonly names: string; readonly atMs: number }
      | undefined
    return async () => {
      const wanted = names()
      const key = wanted.join(' ')
      const isGood =
        issued !== undefined && issued.names === key && nowMs() - issued.atMs < RENEW_MS
      if (!isGood) issued = { pair: this.issue(wanted, nowMs()), names: key, atMs: nowMs() }
      return (issued as { readonly pair: KeyPair }).pair
    }
  }
}

/** How this machine can be called by clients: its names and addresses, and what else is given. */
export function namesHere(others: readonly string[]): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  const reachable = addresses.filter(({ address }) => !linkLocal.check(address, familyOf(address)))
  const all = [hostname(), 'localhost', ...others, ...reachable.map(({ address }) => address)]
  return [...new Set(all.filter(name => isIP(name) !== 0 || /^[a-z0-9*_.-]{1,253}$/i.test(name)))]
}

const linkLocal = new BlockList()
linkLocal.addSubnet('fe80::', 10, 'ipv6')
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

interface Wanted {
  readonly subject: Der
  readonly key: KeyObject
  readonly serial: Uint8Array
  readonly fromMs: number
  readonly untilMs: number
  readonly extensions: readonly Der[]
}

/** X.509 version 3, as PEM. */
function certificate(signer: Signer, wanted: Wanted): string {
  const { subject, key, serial, fromMs, untilMs, extensions } = wanted
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(serial),
    ecdsaSha256,
    signer.name,
    sequence(time(fromMs), time(untilMs)),
    subject,
    publicInfoOf(key),
    explicit(3, sequence(...extensions)),
  )
  const signature = sign('sha256', body, signer.key)
  return new X509Certificate(sequence(body, ecdsaSha256, bits(signature))).toString()
}

const extension = (id: string, value: Der, isCritical = false): Der =>
  sequence(objectId(id), ...(isCritical ? [truth] : []), octets(value))

const nameOf = (name: string): Der =>
  sequence(setOf(sequence(objectId('2.5.4.3'), text(name.slice(0, 64)))))

function alternativeName(name: string): Der {
  if (isIP(name) === 0) return implicit(2, Buffer.from(name, 'ascii'))
  return implicit(7, addressBytes(name))
}

const groups = (part: string): number[] =>
  part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16))

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number))
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const [front, back] = [groups(head), groups(tail ?? '')]
  const middle =
    tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => 0)
  return Uint8Array.from(
    [...front, ...middle, ...back].flatMap(group => [group >> 8, group & 0xff]),
  )
}

const publicInfoOf = (key: KeyObject): Der =>
  (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' })

const keyIdOf = (key: KeyObject): Der => createHash('sha1').update(publicInfoOf(key)).digest()

/** A key of P-256 from a seed: 48 bytes are drawn from it, so that no number is likelier. */
function keyFrom(seed: Uint8Array): KeyObject {
  const drawn = Buffer.from(hkdfSync('sha256', seed, new Uint8Array(0), CA_PURPOSE, 48))
  const scalar = (BigInt(`0x${drawn.toString('hex')}`) % (P256_ORDER - 1n)) + 1n
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex')
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(d)
  const point = curve.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(part => part.toString('base64url'))
  return createPrivateKey({
    key: { kty: 'EC', crv: 'P-256', d: d.toString('base64url'), x: x as string, y: y as string },
    format: 'jwk',
  })
}
