import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { settingNames } from '../../../src/cli/settings.ts'
import { run, scratchFolder } from '../../support/checkout.ts'
import { readDeploy } from '../../support/deploy-files.ts'
import { programMissing } from '../../support/deploy-tools.ts'

/** What systemd calls exposure, from 0 to 10; a plain service has 9. */
const EXPOSURE_MAX = 2
const unit = readDeploy('systemd/holdfast.service')

/** The unit where systemd looks for it by name, with a program that is there. */
function placed(text: string): string {
  const folder = scratchFolder()
  writeFileSync(join(folder, 'holdfast'), '#!/bin/sh\n', { mode: 0o755 })
  const path = join(folder, 'holdfast.service')
  writeFileSync(path, text.replace('/usr/local/bin/holdfast', join(folder, 'holdfast')))
  return path
}

describe('the unit for systemd', { skip: programMissing('systemd-analyze') }, () => {
  const verify = (text: string): string => {
    const { stdout, stderr } = run(`systemd-analyze verify ${placed(text)}`, '/')
    // Only what is said of this unit: there may be others on the machine.
    return `${stdout}${stderr}`
      .split('\n')
      .filter(line => line.includes('holdfast'))
      .join('\n')
  }

  test('has nothing in it that systemd does not understand', () => {
    assert.equal(verify(unit), '')
    assert.match(verify(`${unit}\n[Service]\nProtectEverything=yes\n`), /ProtectEverything/)
  })

  test('leaves the peer little to reach', () => {
    const { stdout } = run(`systemd-analyze security --offline=yes ${placed(unit)}`, '/')
    const exposure = Number(/Overall exposure level .*: (\d+\.\d+)/.exec(stdout)?.[1])
    assert.ok(exposure <= EXPOSURE_MAX, `${exposure}: ${stdout}`)
  })
})

test('the unit tells the peer only what it can be told', () => {
  const told = [...unit.matchAll(/^(?:# )?Environment=(HOLDFAST_\w+)=/gm)].map(([, name]) => name)
  assert.ok(told.includes('HOLDFAST_DATA'))
  const known = settingNames.map(each => `HOLDFAST_${each.toUpperCase().replaceAll('-', '_')}`)
  assert.deepEqual(
    told.filter(name => !known.includes(name ?? '')),
    [],
  )
})
