import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'

type Made = (error: Error | null, socket: Duplex) => void

/**
 * Connections to the one gateway whose certificate has this fingerprint, whatever names are in it and
 * whoever vouches for it: the file that the fingerprint is from was written by that gateway. Nothing
 * is sent before that is known.
 */
export class PinnedAgent extends Agent {
  readonly #fingerprint: string

  constructor(fingerprint: string, options: AgentOptions) {
    super(options)
    this.#fingerprint = fingerprint
  }

  override createConnection(options: object, made?: Made): undefined {
    const socket = connect({ ...(options as ConnectionOptions), rejectUnauthorized: false })
    const fail = (error: Error): void => made?.(error, socket)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      socket.off('error', fail)
      const { fingerprint256 } = socket.getPeerX509Certificate() ?? {}
      if (fingerprint256 === this.#fingerprint) made?.(null, socket)
      else made?.(refused(socket), socket)
    })
    return undefined
  }
}

function refused(socket: Duplex): Error {
  socket.destroy()
  // As if nobody listened there: whoever does is not the peer.
  return Object.assign(new Error('another certificate than the peer has'), { code: 'ECONNREFUSED' })
}
