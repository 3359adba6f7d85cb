import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { AdmissionFiles } from '../../../src/node/admission/admission-files.ts'
import { signerOf } from '../../../src/node/admission/ed25519.ts'
import { MemberBook } from '../../../src/node/admission/member-book.ts'
import { signRecord } from '../../../src/node/admission/member-record.ts'
import { foundNetwork, openAdmission } from '../../../src/node/admission/open-admission.ts'
import { trustIn } from '../../../src/node/admission/trust.ts'
import { systemClock } from '../../../src/node/system.ts'
import { openDisk } from '../../../src/storage/disk.ts'
import { withDirectory } from '../../support/temporary.ts'

const secrets = (size: number): Uint8Array => new Uint8Array(randomBytes(size))
const founding = { self: 'me', zone: '', clock: systemClock, secrets }

test('who founded a network holds its key after a restart', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    const founded = await foundNetwork(files, founding)
    const again = await openAdmission(files, systemClock)
    assert.deepEqual(again?.authority?.seed, founded.authority?.seed)
    assert.equal(again?.book.statusOf('me').state, 'member')
  }))

test('the key of a network that was given up for an invite is not taken for that of the other', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    const { credentials } = await foundNetwork(files, founding)
    const { publicKey } = signerOf(secrets(32))
    await files.writeRecords([])
    await files.writeCredentials({ ...credentials, authority: publicKey, holder: 'host' })
    assert.equal((await openAdmission(files, systemClock))?.authority, undefined)
  }))

test('what could not be written is not said to be durable before it is', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    const signer = signerOf(secrets(32))
    const trust = trustIn(signer.publicKey)
    const book = new MemberBook(files, trust, () => 0)
    const obstacle = join(directory, 'admission', 'members')
    mkdirSync(join(obstacle, 'in the way'), { recursive: true })
    const revocation = { kind: 'revocation', peer: 'x', serial: 1, atMs: 0 } as const
    const record = signRecord(revocation, trust.networkId, signer)
    book.learn(record)
    await assert.rejects(book.saved())
    await assert.rejects(book.saved())
    rmSync(obstacle, { recursive: true })
    await book.saved()
    assert.deepEqual(await files.readRecords(), [record])
  }))
