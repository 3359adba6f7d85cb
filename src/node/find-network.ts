/**
 * Which network a peer belongs to when it starts: that of its directory; or the one that an invite
 * leads into, given at once, waited for, or got from those it founds together with; or a new one.
 * With a network in the directory whatever else it was told does not count.
 */
import type { Environment } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import type { AdmissionFiles } from './admission/admission-files.ts'
import { type CircleMember, parseCircle } from './admission/circle-list.ts'
import { CIRCLE_NETWORK } from './admission/circle-messages.ts'
import { foundTogether } from './admission/found-together.ts'
import { type Invite, parseInvite } from './admission/invite.ts'
import { leadsInto } from './admission/join-network.ts'
import { MemberBook } from './admission/member-book.ts'
import { type Admitted, foundNetwork, openAdmission } from './admission/open-admission.ts'
import { trustIn } from './admission/trust.ts'
import type { Settings } from './bring-up.ts'
import { markFounding, unmarkFounding } from './consensus/founding.ts'
import type { Home, Machine } from './machine.ts'

/** A network that this peer has still to be let into. */
export interface Invited {
  readonly book: MemberBook
  readonly invite: Invite
}

export interface FindNetworkOptions {
  readonly settings: Settings
  readonly machine: Machine
  readonly environment: Omit<Environment, 'network'>
  readonly files: AdmissionFiles
  readonly home: Home
  /** The invite that was given. */
  readonly given: Invite | undefined
  /** A network was made. */
  readonly founded: () => void
  readonly signal: AbortSignal
}

/** @throws {HoldfastError} `FOREIGN_STORE`, `CONFIG_INVALID`, `INVITE_MALFORMED`, … */
export async function findNetwork(options: FindNetworkOptions): Promise<Admitted | Invited> {
  const { files, machine, home, given } = options
  const circle = circleOf(options)
  const admitted = await openAdmission(files, machine.clock)
  if (admitted !== undefined) {
    check(options, admitted)
    if (circle !== undefined) await finishCircle(options, admitted, circle)
    return admitted
  }
  const invite = given ?? (await invitedBefore(options)) ?? (await waitForInvite(options, circle))
  if (invite !== undefined) {
    await unmarkFounding(home.disk)
    const { clock } = machine
    return { book: new MemberBook(files, trustIn(invite.authority), () => clock.wallMs()), invite }
  }
  // A circle has founded meanwhile; who is alone does it now.
  return (await openAdmission(files, machine.clock)) ?? found(options)
}

function circleOf({ settings, home }: FindNetworkOptions): readonly CircleMember[] | undefined {
  const { bootstrap } = settings
  if (bootstrap === undefined) return undefined
  return parseCircle(bootstrap.peers, { expect: bootstrap.expect, self: home.identity.peer })
}

/** @throws {HoldfastError} `FOREIGN_STORE`: the directory is another peer's, or another network's */
function check({ settings, home, given }: FindNetworkOptions, { credentials }: Admitted): void {
  const { dataDirectory, log } = settings
  if (credentials.self !== home.identity.peer)
    throw foreign(dataDirectory, 'its identity was replaced')
  if (given !== undefined && !leadsInto(given, credentials.authority))
    throw foreign(dataDirectory, 'it belongs to another network than the invite')
  if (given !== undefined) log.info('a member already, so the invite is not used')
}

/** What a circle has left that this peer was cut short in, before it could join. */
async function invitedBefore({ files, home }: FindNetworkOptions): Promise<Invite | undefined> {
  const token = await files.readCircle()
  const invite = token === undefined ? undefined : parseInvite(token)
  // One of its own is of a network that it did not get round to making.
  return invite?.host === home.identity.peer ? undefined : invite
}

async function waitForInvite(
  options: FindNetworkOptions,
  circle: readonly CircleMember[] | undefined,
): Promise<Invite | undefined> {
  const { settings, signal } = options
  const { join } = settings
  const token =
    circle !== undefined
      ? await meet(options, circle, undefined)
      : typeof join === 'function'
        ? await join(signal)
        : undefined
  return token === undefined ? undefined : parseInvite(token)
}

/** A founder that was cut short goes on handing out the invite. */
async function finishCircle(
  options: FindNetworkOptions,
  { credentials }: Admitted,
  circle: readonly CircleMember[],
): Promise<void> {
  const { files, home } = options
  const token = await files.readCircle()
  if (token === undefined || credentials.holder !== home.identity.peer) return
  await meet(options, circle, token)
}

/** Founds together with the others, over a network that only they can speak on. */
async function meet(
  options: FindNetworkOptions,
  circle: readonly CircleMember[],
  founded: string | undefined,
): Promise<string | undefined> {
  const { settings, machine, environment, files, home, signal } = options
  const { log, listen } = settings
  const peers = circle.map(({ peer }) => peer)
  const isListed = (peer: string): boolean => peers.includes(peer)
  const policy = {
    verdict: (peer: string) => (isListed(peer) ? ('member' as const) : ('deny' as const)),
    mayServe: isListed,
  }
  const nothing = { announce: [], lane: false, wire: false, mdns: false, nat: {} } as const
  const parts = { networkId: CIRCLE_NETWORK, policy, environment, listen, ...nothing }
  const host = await machine.openNetwork(home, { ...parts, onEvent: () => undefined })
  try {
    for (const { peer, addresses } of circle) if (peer !== host.self) host.learn(peer, addresses)
    const invite = await foundTogether({
      environment: { ...environment, network: host },
      peers,
      founded,
      found: () => foundForCircle(options, circle),
      keep: token => files.writeCircle(token),
      log,
      signal,
    })
    if (invite === undefined) await files.writeCircle('')
    return invite
  } finally {
    await host.stop()
  }
}

async function foundForCircle(
  options: FindNetworkOptions,
  circle: readonly CircleMember[],
): Promise<string> {
  const { files, home } = options
  const own = circle.find(({ peer }) => peer === home.identity.peer)
  await found(options, { uses: circle.length - 1, addresses: own?.addresses ?? [] })
  return (await files.readCircle()) ?? ''
}

async function found(
  { settings, machine, files, home, founded }: FindNetworkOptions,
  circle?: { readonly uses: number; readonly addresses: readonly string[] },
): Promise<Admitted> {
  const { zone, log } = settings
  const { clock, secrets } = machine
  const self = home.identity.peer
  log.info('making a network')
  await markFounding(home.disk)
  const parts = { self, zone, clock, secrets }
  const admitted = await foundNetwork(files, circle === undefined ? parts : { ...parts, circle })
  founded()
  return admitted
}

const foreign = (path: string, reason: string): HoldfastError =>
  new HoldfastError(`Cannot use ${path}: ${reason}`, { code: 'FOREIGN_STORE', path, reason })
