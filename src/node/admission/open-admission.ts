import { equals } from '../../base/bytes.ts'
import type { Clock, PeerId } from '../../base/environment.ts'
import { type AdmissionFiles, type AuthorityFile, type Credentials } from './admission-files.ts'
import { CERTIFICATE_MS } from './authority.ts'
import { SEED_BYTES, signerOf } from './ed25519.ts'
import type { Invite } from './invite.ts'
import { NETWORK_KEY_BYTES, type Welcome } from './join-messages.ts'
import { MemberBook } from './member-book.ts'
import { signRecord } from './member-record.ts'
import { trustIn } from './trust.ts'

/** Secret bytes nobody can foretell. */
export type Secrets = (size: number) => Uint8Array

/** Everything a member has of its network. */
export interface Admitted {
  readonly credentials: Credentials
  readonly book: MemberBook
  /** On the peer that can let others in. */
  readonly authority: AuthorityFile | undefined
}

/**
 * What an earlier run has left of a network; undefined if there is none.
 * @throws {HoldfastError} `CORRUPT`, `FOREIGN_STORE`, or what the disk says
 */
export async function openAdmission(
  files: AdmissionFiles,
  clock: Clock,
): Promise<Admitted | undefined> {
  const credentials = await files.readCredentials()
  if (credentials === undefined) return undefined
  const book = new MemberBook(files, trustIn(credentials.authority), () => clock.wallMs())
  await book.load()
  return { credentials, book, authority: await readAuthority(files, credentials) }
}

/**
 * The key of this network. That of another one may lie there: of a network that was begun, cut short
 * by a crash, and given up for an invite.
 */
async function readAuthority(
  files: AdmissionFiles,
  { authority }: Credentials,
): Promise<AuthorityFile | undefined> {
  const file = await files.readAuthority()
  return file !== undefined && equals(signerOf(file.seed).publicKey, authority) ? file : undefined
}

/** Founds a network with this peer as its first member and the holder of its key. */
export async function foundNetwork(
  files: AdmissionFiles,
  { self, zone, clock, secrets }: { self: PeerId; zone: string; clock: Clock; secrets: Secrets },
): Promise<Admitted> {
  const seed = secrets(SEED_BYTES)
  const signer = signerOf(seed)
  const trust = trustIn(signer.publicKey)
  const nowMs = clock.wallMs()
  const certificate = signRecord(
    {
      kind: 'certificate',
      peer: self,
      role: 'full',
      zone,
      serial: 1,
      notAfterMs: Math.ceil(nowMs) + CERTIFICATE_MS,
    },
    trust.networkId,
    signer,
  )
  const authority: AuthorityFile = { seed, books: { lastSerial: 1, invites: [] } }
  const networkKey = secrets(NETWORK_KEY_BYTES)
  const credentials = { authority: signer.publicKey, holder: self, self, networkKey }
  // A newcomer that gave up may have left a table of another network.
  await files.writeRecords([])
  const book = new MemberBook(files, trust, () => clock.wallMs())
  await files.writeAuthority(authority)
  book.learn(certificate)
  await book.saved()
  await files.writeCredentials(credentials)
  return { credentials, book, authority }
}

/** Keeps what the host of an invite has given this peer. */
export async function acceptWelcome(
  files: AdmissionFiles,
  {
    invite,
    welcome,
    self,
    book,
  }: { invite: Invite; welcome: Welcome; self: PeerId; book: MemberBook },
): Promise<Admitted> {
  const { authority, host } = invite
  for (const record of [welcome.record, ...welcome.others]) book.learn(record)
  await book.saved()
  const credentials = { authority, holder: host, self, networkKey: welcome.networkKey }
  await files.writeCredentials(credentials)
  return { credentials, book, authority: undefined }
}
