import { createServer } from 'node:net'

import { HoldfastError } from '../base/errors.ts'

const DEFAULT_PORT = 4801
/** How many ports after the default are tried. */
const PORTS_TRIED_MAX = 200
const ANY_HOST = '0.0.0.0'
const PORT_MAX = 65_535

/** Where to listen if nobody says: the default port, or the next that is free. */
export async function defaultListen(): Promise<readonly string[]> {
  for (let port = DEFAULT_PORT; port < DEFAULT_PORT + PORTS_TRIED_MAX; port++)
    if ((await errorAt(ANY_HOST, port)) === undefined) return [`/ip4/${ANY_HOST}/tcp/${port}`]
  throw inUse(`${ANY_HOST}:${DEFAULT_PORT} and the ${PORTS_TRIED_MAX - 1} ports after it`)
}

/**
 * Makes sure that this peer can listen there, and that nobody else does.
 * @throws {HoldfastError} `ADDRESS_IN_USE`; `CONFIG_INVALID` for what nobody could listen at
 */
export async function checkListen(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const [, host, port] = /^\/(?:ip[46]|dns[46]?)\/([^/]+)\/tcp\/(\d{1,5})$/.exec(address) ?? []
    if (host === undefined || Number(port) > PORT_MAX)
      throw impossible(address, new Error('it is no TCP address, as /ip4/0.0.0.0/tcp/4801'))
    const error = await errorAt(host, Number(port))
    if (error?.code === 'EADDRINUSE') throw inUse(address)
    if (error !== undefined) throw impossible(address, error)
  }
}

/**
 * Makes sure that others could make something of what they are told.
 * @throws {HoldfastError} `CONFIG_INVALID`
 */
export function checkAnnounce(addresses: readonly string[]): void {
  const wrong = addresses.find(each => !/^\/(ip[46]|dns[46]?)\/[^/\s]+\/tcp\/\d{1,5}$/.test(each))
  if (wrong === undefined) return
  const reason = `'${wrong}' is no TCP address, as /dns4/peer-1.example.org/tcp/4801`
  const details = { code: 'CONFIG_INVALID', key: 'announce', reason } as const
  throw new HoldfastError(`Cannot use announce: ${reason}`, details)
}

/** What keeps one from listening there; undefined if nothing does. */
function errorAt(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

const inUse = (address: string): HoldfastError =>
  new HoldfastError(`Cannot listen at ${address}: something else does`, {
    code: 'ADDRESS_IN_USE',
    address,
  })

const impossible = (address: string, cause: Error): HoldfastError =>
  new HoldfastError(
    `Cannot listen at ${address}: ${cause.message}`,
    { code: 'CONFIG_INVALID', key: 'listen', reason: cause.message },
    { cause },
  )
