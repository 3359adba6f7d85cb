import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { AdmissionFiles } from '../../../src/node/admission/admission-files.ts'
import { openDisk } from '../../../src/storage/disk.ts'
import { rejectsWith } from '../../support/expect.ts'
import { withDirectory } from '../../support/temporary.ts'

const credentials = {
  authority: new Uint8Array(32).fill(1),
  holder: 'founder',
  self: 'me',
  networkKey: new Uint8Array(32).fill(2),
}
const authority = {
  seed: new Uint8Array(32).fill(3),
  books: {
    lastSerial: 7,
    invites: [
      {
        id: new Uint8Array(8).fill(4),
        secret: new Uint8Array(16).fill(5),
        role: 'storage' as const,
        uses: 3,
        zone: 'z',
        expiresAtMs: 1e12,
        usedBy: ['a', 'b'],
      },
    ],
  },
}

test('what was written is read again', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    await files.writeCredentials(credentials)
    await files.writeAuthority(authority)
    const records = [Uint8Array.of(1, 2), Uint8Array.of(3)]
    await files.writeRecords(records)
    assert.deepEqual(await files.readCredentials(), credentials)
    assert.deepEqual(await files.readAuthority(), authority)
    assert.deepEqual(await files.readRecords(), records)
  }))

test('an empty directory holds nothing', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    assert.equal(await files.readCredentials(), undefined)
    assert.equal(await files.readAuthority(), undefined)
    assert.deepEqual(await files.readRecords(), [])
  }))

test('files with keys are for their owner alone', { skip: process.platform === 'win32' }, () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    await files.writeAuthority(authority)
    const { mode } = statSync(join(directory, 'admission', 'authority'))
    assert.equal(mode & 0o777, 0o600)
  }),
)

test('a file with any byte changed, or cut short, is reported as damaged', () =>
  withDirectory(async directory => {
    const files = new AdmissionFiles(openDisk(directory))
    await files.writeCredentials(credentials)
    const path = join(directory, 'admission', 'network')
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += 7) {
      const spoilt = Buffer.from(whole)
      spoilt[at] = (spoilt[at] as number) ^ 1
      writeFileSync(path, spoilt)
      await rejectsWith('CORRUPT', files.readCredentials())
    }
    writeFileSync(path, whole.subarray(0, -1))
    await rejectsWith('CORRUPT', files.readCredentials())
  }))
