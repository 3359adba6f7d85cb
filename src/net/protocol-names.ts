import type { Channel } from './peer-policy.ts'

/** What the protocols of one network are called on the wire. */
export class ProtocolNames {
  /** Where libp2p puts a slash before it itself. */
  readonly prefix: string
  readonly kad: string
  readonly datagram: string
  readonly request: string
  readonly join: string
  readonly stream: string

  constructor(networkId: string) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(networkId)) {
      throw new RangeError(`a network id has 1 to 64 of A-Z a-z 0-9 . _ -, not ${networkId}`)
    }
    this.prefix = `holdfast/${networkId}`
    this.kad = `/${this.prefix}/kad/1`
    this.datagram = `/${this.prefix}/dgram/1`
    this.request = `/${this.prefix}/rpc/1`
    this.join = `/${this.prefix}/join/1`
    this.stream = `/${this.prefix}/stream/1`
  }

  /** What a peer asks for that opens a stream of this protocol. */
  channelOf(protocol: string): Channel {
    const own = `/${this.prefix}/`
    if (!protocol.startsWith(own)) return protocol.includes('sub/') ? 'gossip' : 'relay'
    const [name = ''] = protocol.slice(own.length).split('/')
    return channels[name] ?? 'relay'
  }
}

const channels: Readonly<Record<string, Channel>> = {
  id: 'identify',
  ping: 'ping',
  kad: 'kad',
  dgram: 'datagram',
  rpc: 'request',
  join: 'join',
  stream: 'stream',
}
