import { equals } from '../../base/bytes.ts'
import type { Network, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { Invite } from './invite.ts'
import {
  decodeWelcome,
  encodeJoinRequest,
  JOIN_PROTOCOL,
  type JoinRequest,
  NONCE_BYTES,
  proofOf,
  type Welcome,
} from './join-messages.ts'
import { openRecord } from './member-record.ts'
import { trustIn } from './trust.ts'

/** How long the host may take for one answer. */
const ANSWER_MS = 5000

/**
 * Asks the host of an invite to let this peer in. Believes no answer that the key in the invite has
 * not signed. Changes nothing on this side.
 * @throws {HoldfastError} `JOIN_REFUSED`; `UNTRUSTED` if the host is not who the invite promised;
 *   `PEER_UNREACHABLE`, `TIMEOUT`: try again
 */
export async function joinNetwork(
  network: Network,
  invite: Invite,
  zone: string,
  signal?: AbortSignal,
): Promise<Welcome> {
  const { host, id: inviteId, secret, authority } = invite
  const trust = trustIn(authority)
  const { networkId } = trust
  const ask = (request: JoinRequest): Promise<Uint8Array> =>
    network.request(host, JOIN_PROTOCOL, {
      body: encodeJoinRequest(request),
      deadlineMs: ANSWER_MS,
      signal,
    })
  const nonce = await ask({ type: 'hello', networkId, inviteId })
  if (nonce.length !== NONCE_BYTES) throw unexpected(host, 'challenge')
  const proof = proofOf(secret, { networkId, host, newcomer: network.self, nonce })
  const welcome = decodeWelcome(await ask({ type: 'join', inviteId, proof, zone }))
  const record = openRecord(welcome.record, trust)
  if (record.kind !== 'certificate' || record.peer !== network.self)
    throw unexpected(host, 'welcome')
  const knowsHost = welcome.others.some(bytes => openRecord(bytes, trust).peer === host)
  if (!knowsHost) throw unexpected(host, 'welcome')
  if ((record.role === 'full') !== (welcome.networkKey !== undefined))
    throw unexpected(host, 'welcome')
  return welcome
}

/** Whether an invite leads into the network that this key founded. */
export const leadsInto = (invite: Invite, authority: Uint8Array): boolean =>
  equals(invite.authority, authority)

const unexpected = (peer: PeerId, what: string): HoldfastError =>
  new HoldfastError(`Cannot join: ${peer} answered with no proper ${what}`, {
    code: 'PEER_FAILED',
    peer,
    reason: `no proper ${what}`,
  })
