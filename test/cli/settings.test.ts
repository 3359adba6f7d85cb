import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { codeOf } from '../../src/base/errors.ts'
import {
  parseAnnounce,
  parseBytes,
  parseDuration,
  parseHostPort,
  parseListen,
  parsePort,
} from '../../src/cli/parse.ts'
import { gatherSettings } from '../../src/cli/settings.ts'
import { failsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'

test('flags come before variables, variables before the file', () =>
  withDirectory(async directory => {
    const file = join(directory, 'settings.toml')
    writeFileSync(file, 'name = "file"\nzone = "file"\nprofile = "wan"\nlisten = ["a", "b"]\n')
    const environment = { HOLDFAST_NAME: 'variable', HOLDFAST_ZONE: 'variable', OTHER: 'x' }
    const settings = gatherSettings({ name: 'flag' }, environment, file)
    assert.deepEqual(settings, { name: 'flag', zone: 'variable', profile: 'wan', listen: 'a,b' })
  }))

test('the file in the data directory counts without being named', () =>
  withDirectory(async directory => {
    const data = join(directory, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'holdfast.toml'), 'log-level = "debug"\nmdns = true\n')
    const settings = gatherSettings({ data }, {}, undefined)
    assert.deepEqual(settings, { data, 'log-level': 'debug', mdns: 'true' })
    assert.deepEqual(gatherSettings({ data: directory }, {}, undefined), { data: directory })
  }))

for (const [what, content] of [
  ['an unknown key', 'nmae = "typo"'],
  ['a value of another kind', 'name = { first = "x" }'],
  ['something that is no TOML', 'name = '],
] as const)
  test(`a file with ${what} is refused`, () =>
    withDirectory(async directory => {
      const file = join(directory, 'settings.toml')
      writeFileSync(file, content)
      assert.throws(
        () => gatherSettings({}, {}, file),
        (error: unknown) => codeOf(error) === 'CONFIG_INVALID',
      )
    }))

for (const [text, host, port] of [
  ['4800', '127.0.0.1', 4800],
  [':4800', '127.0.0.1', 4800],
  ['localhost:0', 'localhost', 0],
  ['10.0.0.1:65535', '10.0.0.1', 65_535],
  ['[::1]:4800', '::1', 4800],
] as const)
  test(`'${text}' is port ${port} of ${host}`, () =>
    assert.deepEqual(parseHostPort('gateway', text, '127.0.0.1'), { host, port }))

for (const text of ['', 'x', '1:2:3', '65536', '-1', '127.0.0.1:', ':', '[::1]'])
  test(`'${text}' is no host and port`, () =>
    assert.throws(
      () => parseHostPort('gateway', text, '127.0.0.1'),
      (error: unknown) => codeOf(error) === 'CONFIG_INVALID',
    ))

test('addresses to listen at are multiaddrs, or host and port', () =>
  assert.deepEqual(parseListen('4801,[::1]:0,/ip4/10.0.0.1/tcp/1'), [
    '/ip4/0.0.0.0/tcp/4801',
    '/ip6/::1/tcp/0',
    '/ip4/10.0.0.1/tcp/1',
  ]))

test('addresses to tell others have a name or a number', () => {
  assert.deepEqual(parseAnnounce('peer-1.sea:4801, 10.0.0.1:1,[::1]:2,/dns6/x/tcp/3'), [
    '/dns4/peer-1.sea/tcp/4801',
    '/ip4/10.0.0.1/tcp/1',
    '/ip6/::1/tcp/2',
    '/dns6/x/tcp/3',
  ])
  for (const text of ['', '4801', ':4801', 'peer-1'])
    failsWith('CONFIG_INVALID', () => parseAnnounce(text))
})

test('a port is one that can be told to a firewall', () => {
  assert.equal(parsePort('lane-port', '65535'), 65_535)
  for (const text of ['', '0', '65536', '-1', '4802x'])
    failsWith('CONFIG_INVALID', () => parsePort('lane-port', text))
})

test('variables have the names of settings', () =>
  assert.deepEqual(
    gatherSettings({}, { HOLDFAST_JOIN_FILE: '/run/a', HOLDFAST_LOG_LEVEL: 'warn' }, undefined),
    {
      'join-file': '/run/a',
      'log-level': 'warn',
    },
  ))

test('a time has a number and a unit', () => {
  assert.deepEqual(
    ['90s', '30m', '1h', '7d'].map(parseDuration),
    [90_000, 1_800_000, 3_600_000, 604_800_000],
  )
  for (const text of ['', '1', 'h', '1.5h', '-1h', '1 h', '1y'])
    assert.throws(() => parseDuration(text), text)
})

for (const [text, bytes] of [
  ['0', 0],
  ['500', 500],
  ['500GB', 500e9],
  ['1.5 TB', 1.5e12],
  ['64GiB', 64 * 2 ** 30],
  ['10m', 10e6],
] as const)
  test(`'${text}' is ${bytes} bytes`, () => assert.equal(parseBytes('capacity', text), bytes))

for (const text of ['', 'GB', '-1', '1.GB', '1e9', '5iB', '10 PB', '1GBs'])
  test(`'${text}' is no size`, () =>
    assert.throws(
      () => parseBytes('capacity', text),
      (error: unknown) => codeOf(error) === 'CONFIG_INVALID',
    ))
