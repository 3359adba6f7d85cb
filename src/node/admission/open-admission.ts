import { equals } from '../../base/bytes.ts'
import type { Clock, PeerId } from '../../base/environment.ts'
import { type AdmissionFiles, type AuthorityFile, type Credentials } from './admission-files.ts'
import type { InviteEntry } from './authority-books.ts'
import { CERTIFICATE_MS } from './authority.ts'
import { SEED_BYTES, signerOf } from './ed25519.ts'
import { formatInvite, INVITE_ID_BYTES, INVITE_SECRET_BYTES, type Invite } from './invite.ts'
import { NETWORK_KEY_BYTES, type Welcome } from './join-messages.ts'
import { MemberBook } from './member-book.ts'
import { signRecord } from './member-record.ts'
import { trustIn } from './trust.ts'

/** For how long those who found together may take to come in. */
const CIRCLE_MS = 86_400_000

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

interface Founding {
  readonly self: PeerId
  readonly zone: string
  readonly clock: Clock
  readonly secrets: Secrets
  /** Those who found together with this peer, who reach it there. */
  readonly circle?: { readonly uses: number; readonly addresses: readonly string[] }
}

/**
 * Founds a network with this peer as its first member and the holder of its key; with a circle, an
 * invite for its members is kept before the network is there.
 */
export async function foundNetwork(
  files: AdmissionFiles,
  { self, zone, clock, secrets, circle }: Founding,
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
  const invites: InviteEntry[] = []
  if (circle !== undefined) {
    const { uses, addresses } = circle
    const entry = {
      id: secrets(INVITE_ID_BYTES),
      secret: secrets(INVITE_SECRET_BYTES),
      role: 'full',
      uses,
      zone: '',
      expiresAtMs: Math.ceil((nowMs + CIRCLE_MS) / 1000) * 1000,
    } as const
    invites.push({ ...entry, usedBy: [] })
    const invite = { ...entry, authority: signer.publicKey, host: self, addresses }
    await files.writeCircle(formatInvite(invite))
  }
  const authority: AuthorityFile = { seed, books: { lastSerial: 1, invites } }
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
