import type { ConnectionGater, Libp2p } from '@libp2p/interface'

import type { Clock, PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { mayDial } from './address-rules.ts'
import { PROVISIONAL_MAX, PROVISIONAL_PER_SECOND } from './limits.ts'
import type { Channel, PeerPolicy } from './peer-policy.ts'
import type { ProtocolNames } from './protocol-names.ts'
import type { Refusals } from './refusals.ts'
import { TokenBucket } from './token-bucket.ts'

export interface GateOptions {
  readonly policy: PeerPolicy
  readonly names: ProtocolNames
  readonly clock: Clock
  readonly refusals: Refusals
  readonly allowedHosts: readonly string[]
}

/** What the gate must know of those who are in. */
export interface Insiders {
  /** Connections that strangers have made. */
  strangers(): number
  /** Is this peer dialled, and dialled again, by our own loop? */
  isKept(peer: PeerId): boolean
}

/**
 * Who gets in, and who gets to which handler. libp2p asks once a handshake has proven who is there,
 * and would then serve anybody everything; so each handler, its own services' included, is wrapped.
 * The topologies too: else an outsider is tabled by Kademlia and gossiped to without asking.
 */
export class Gate {
  readonly #options: GateOptions
  readonly #strangers: TokenBucket
  /** Whom this host dials on purpose: a peer to be, with luck. */
  readonly #expected = new Map<PeerId, number>()
  #insiders: Insiders = { strangers: () => 0, isKept: () => false }

  constructor(options: GateOptions) {
    this.#options = options
    this.#strangers = new TokenBucket(options.clock, {
      perSecond: PROVISIONAL_PER_SECOND,
      burst: PROVISIONAL_PER_SECOND,
    })
  }

  /** Before the node starts. */
  attach(insiders: Insiders): void {
    this.#insiders = insiders
  }

  /** Lets libp2p dial a peer, stranger or kept, until the returned call. */
  expect(peer: PeerId): () => void {
    this.#expected.set(peer, (this.#expected.get(peer) ?? 0) + 1)
    return () => {
      const count = (this.#expected.get(peer) ?? 1) - 1
      if (count === 0) this.#expected.delete(peer)
      else this.#expected.set(peer, count)
    }
  }

  readonly gater: ConnectionGater = {
    // Kademlia dials whom it is told of. Strangers are dialled on our own initiative only, and so
    // are kept peers: else both sides would dial at once, and have two connections.
    denyDialPeer: peer => {
      const text = peer.toString()
      if (this.#expected.has(text)) return false
      return this.#options.policy.verdict(text) !== 'member' || this.#insiders.isKept(text)
    },
    denyDialMultiaddr: address => {
      const isFine = mayDial(address, this.#options.allowedHosts)
      if (!isFine) this.#options.refusals.refuse('bad-address', undefined, address.toString())
      return !isFine
    },
    filterMultiaddrForPeer: (_peer, address) => mayDial(address, this.#options.allowedHosts),
    denyOutboundEncryptedConnection: peer =>
      this.#options.policy.verdict(peer.toString()) === 'deny',
    denyInboundEncryptedConnection: (peer, connection) => {
      const text = peer.toString()
      const isDenied = !this.#mayEnter(text)
      if (isDenied) {
        this.#options.refusals.refuse('not-admitted', text, connection.remoteAddr.toString())
      }
      return isDenied
    },
  }

  /** May a peer be served this now? `protocol` is a channel, or channel, slash and name. */
  mayServe(peer: PeerId, channel: Channel, name?: string): boolean {
    const { policy } = this.#options
    switch (policy.verdict(peer)) {
      case 'member':
        return policy.mayServe(peer, name === undefined ? channel : `${channel}/${name}`)
      case 'provisional':
        return channel === 'join'
      case 'deny':
        return false
    }
  }

  /** Wraps what registers handlers and topologies; before the node starts, for then they register. */
  guard(node: Libp2p): void {
    const { names, refusals } = this.#options
    // Not part of the public type, so every update of libp2p must be tried against the tests.
    const { registrar } = (node as unknown as { components: { registrar: Registrar } }).components
    const { handle, register } = registrar
    registrar.handle = (protocol, handler, options) => {
      const channel = names.channelOf(protocol)
      const guarded: Handler = (stream, connection) => {
        const peer = connection.remotePeer.toString()
        if (this.mayServe(peer, channel)) return handler(stream, connection)
        refusals.refuse('not-authorised', peer, protocol)
        stream.abort(denied(peer, protocol))
        return undefined
      }
      return handle.call(registrar, protocol, guarded, options)
    }
    registrar.register = (protocol, topology) =>
      register.call(registrar, protocol, {
        ...topology,
        onConnect: (peer, connection) =>
          this.mayServe(peer.toString(), names.channelOf(protocol))
            ? topology.onConnect?.(peer, connection)
            : undefined,
      })
  }

  #mayEnter(peer: PeerId): boolean {
    const { policy } = this.#options
    const verdict = policy.verdict(peer)
    if (verdict !== 'provisional') return verdict === 'member'
    if (this.#expected.has(peer)) return true
    return this.#insiders.strangers() < PROVISIONAL_MAX && this.#strangers.take()
  }
}

type Handle = Libp2p['handle']
type Handler = Parameters<Handle>[1]
type Register = Libp2p['register']

interface Registrar {
  handle: (protocol: string, handler: Handler, options: Parameters<Handle>[2]) => Promise<void>
  register: (protocol: string, topology: Parameters<Register>[1]) => Promise<string>
}

const denied = (peer: PeerId, protocol: string): HoldfastError =>
  new HoldfastError(`Cannot serve ${protocol}: ${peer} is not authorised`, {
    code: 'NOT_AUTHORISED',
    peer,
    protocol,
  })
