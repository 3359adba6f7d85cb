import type { Clock, Disk, Environment, Network, Random, Timers } from '../base/environment.ts'
import type { Identity } from '../net/identity.ts'
import type { NetworkHost } from '../net/network-host.ts'
import type { NetworkOptions } from '../net/network-options.ts'
import type { KeyValue } from '../storage/key-value.ts'
import type { NtpPort } from './clock/ntp-port.ts'
import type { Coder } from './coder/coder.ts'
import type { TurnSource } from './membership/turns.ts'

/**
 * The machine that a peer runs on: what its parts are made of that is not deterministic. A peer
 * touches nothing of the world but through this, so a whole one runs on a simulated machine too.
 */
export interface Machine {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly turns: TurnSource
  /** Bytes that nobody can guess. */
  readonly secrets: (size: number) => Uint8Array
  /** How long the machine has slept, give or take a constant. */
  readonly asleepMs: () => number
  /** Runs something when this turn's events are done. */
  readonly afterTurn: (work: () => void) => void
  /** Did this peer sign these bytes? */
  readonly isSignedBy: (peer: string, bytes: Uint8Array, signature: Uint8Array) => boolean

  /**
   * Takes a peer's directory for this process; makes it if it is not there.
   * @throws {HoldfastError} `DIRECTORY_LOCKED`, `FILE_FORBIDDEN`, `MALFORMED`
   */
  openHome(path: string): Promise<Home>
  /** @throws {HoldfastError} `ADDRESS_IN_USE`, `MALFORMED` if a peer could not listen there now */
  checkListen(listen: readonly string[]): Promise<void>
  openNetwork(home: Home, options: HostOptions): Promise<PeerHost>
  openNtp(servers: readonly string[]): NtpPort
  openCoder(): Promise<Coder>
}

/** What a peer uses of its host. */
export type PeerHost = Pick<
  NetworkHost,
  | keyof Network
  | 'addresses'
  | 'onAddresses'
  | 'learn'
  | 'addressesOf'
  | 'findAddresses'
  | 'keep'
  | 'disconnect'
  | 'drop'
  | 'status'
  | 'stop'
>

/** A peer's directory, taken by this process. */
export interface Home {
  readonly path: string
  readonly identity: Pick<Identity, 'peer' | 'sign'>
  readonly disk: Disk
  /** A directory in it as a disk of its own; made durably if it is not there. */
  openDirectory(name: string): Promise<Disk>
  /** The same for a log: its calls neither wait behind others nor hold them up. */
  openLogDirectory(name: string): Promise<{ readonly disk: Disk; close(): Promise<void> }>
  openKeyValue(name: string): Promise<KeyValue>
  /** Gives the directory back to whoever wants it next. */
  release(): Promise<void>
}

type HostOptions = Pick<
  NetworkOptions,
  'networkId' | 'policy' | 'announce' | 'lane' | 'wire' | 'mdns' | 'nat' | 'onEvent'
> & {
  readonly environment: Omit<Environment, 'network'>
  /** @default the first free port from 4801 on, on all addresses */
  readonly listen: readonly string[] | undefined
}
