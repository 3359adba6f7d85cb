import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as openTcp } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect } from 'node:tls'

import { PeerClient } from '../../src/cli/peer-client.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { pairIn, ReloadingCredentials } from '../../src/gateway/tls/credentials.ts'
import { CA_PURPOSE, namesHere, NetworkCa } from '../../src/gateway/tls/network-ca.ts'
import { silentLog } from '../../src/node/log.ts'
import { rejectsWith } from '../support/expect.ts'
import { sharedGateway } from '../support/gateway-scene.ts'
import { withDirectory } from '../support/temporary.ts'

const shared = sharedGateway()
const seed = new Uint8Array(32).fill(7)
const ca = new NetworkCa(seed, 'abcd')
const nowMs = Date.UTC(2026, 5, 1)

test('the same network has the same authority at every peer, another has another', () => {
  const [here, there] = [
    new X509Certificate(ca.pem),
    new X509Certificate(new NetworkCa(seed, 'abcd').pem),
  ]
  assert.deepEqual(
    here.publicKey.export({ type: 'spki', format: 'der' }),
    there.publicKey.export({ type: 'spki', format: 'der' }),
  )
  assert.equal(here.subject, there.subject)
  const leaf = new X509Certificate(ca.issue(['localhost'], nowMs).cert)
  assert.ok(leaf.verify(there.publicKey) && leaf.checkIssued(there))
  const foreign = new X509Certificate(new NetworkCa(new Uint8Array(32).fill(8), 'abcd').pem)
  assert.ok(!leaf.verify(foreign.publicKey))
})

test('a certificate is for its names and addresses, for weeks, and vouches for nobody', () => {
  const names = ['peer-1.example.org', '*.s3.example.org', '10.1.2.3', '2001:db8::5', '::1']
  const leaf = new X509Certificate(ca.issue(names, nowMs).cert)
  assert.equal(leaf.checkHost('peer-1.example.org'), 'peer-1.example.org')
  assert.ok(leaf.checkHost('films.s3.example.org'))
  assert.equal(leaf.checkHost('example.org'), undefined)
  for (const address of ['10.1.2.3', '2001:db8::5', '::1'])
    assert.ok(leaf.checkIP(address), address)
  assert.equal(leaf.checkIP('10.1.2.4'), undefined)
  assert.ok(!leaf.ca)
  const days = (Date.parse(leaf.validTo) - nowMs) / 86_400_000
  assert.equal(days, 60)
})

test('this machine is called by its names and addresses, and what cannot be one is left out', () => {
  const names = namesHere(['s3.example.org', 'not a name', ''])
  for (const name of ['localhost', '127.0.0.1', 's3.example.org']) assert.ok(names.includes(name))
  assert.ok(!names.some(name => name.includes(' ') || name === ''))
})

test('a certificate is made anew when it gets old, or the machine has other names', async () => {
  let [now, names] = [nowMs, ['a.example']]
  const source = ca.source(
    () => names,
    () => now,
  )
  const first = await source()
  assert.equal(await source(), first)
  names = ['a.example', 'b.example']
  const second = await source()
  assert.ok(new X509Certificate(second.cert).checkHost('b.example'))
  now += 21 * 86_400_000
  assert.notEqual((await source()).cert, second.cert)
})

interface Peeked {
  readonly fingerprint: string | undefined
  readonly protocol: string | null
}

function peek(port: number): Promise<Peeked> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: ca.pem, servername: 'localhost' }, () => {
      const fingerprint = socket.getPeerX509Certificate()?.fingerprint256
      resolve({ fingerprint, protocol: socket.getProtocol() })
      socket.destroy()
    }).once('error', reject)
  })
}

test('a gateway speaks TLS, and goes on with another certificate once its files have changed', () =>
  withDirectory(async directory => {
    const [certPath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
    const write = (pair: { cert: string; key: string }): void => {
      writeFileSync(certPath, pair.cert)
      writeFileSync(keyPath, pair.key)
    }
    const [first, second] = [1, 2].map(() => ca.issue(['localhost', '127.0.0.1'], Date.now())) as [
      ReturnType<NetworkCa['issue']>,
      ReturnType<NetworkCa['issue']>,
    ]
    write(first)
    const credentials = await ReloadingCredentials.open(pairIn(certPath, keyPath), silentLog)
    const { node } = shared()
    const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
    const gateway = await startGateway({ ...options, credentials })
    try {
      const port = Number(new URL(gateway.url).port)
      assert.match(gateway.url, /^https:/)
      const print = ({ cert }: { cert: string }): string => new X509Certificate(cert).fingerprint256
      assert.equal((await peek(port)).fingerprint, print(first))
      // The key of one and the certificate of another: half of a replacement.
      writeFileSync(certPath, second.cert)
      await gateway.reload()
      assert.equal((await peek(port)).fingerprint, print(first))
      write(second)
      await gateway.reload()
      assert.equal((await peek(port)).fingerprint, print(second))
      // And the command line has heard of it.
      const client = await PeerClient.connect(directory, new AbortController().signal)
      assert.equal((await client.get<{ peer: string }>('/api/v1/status')).peer, node.status().peer)
    } finally {
      await gateway.stop()
    }
  }))

test('the command line shows its token to no gateway but the one that wrote the file', () =>
  withDirectory(async directory => {
    const source = ca.source(() => ['localhost'], Date.now)
    const credentials = await ReloadingCredentials.open(source, silentLog)
    const { node } = shared()
    const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
    const gateway = await startGateway({ ...options, credentials })
    try {
      const path = join(directory, 'gateway.json')
      const said = JSON.parse(readFileSync(path, 'utf8')) as { fingerprint: string }
      writeFileSync(
        path,
        JSON.stringify({ ...said, fingerprint: said.fingerprint.replace(/^../, '00') }),
      )
      const client = await PeerClient.connect(directory, new AbortController().signal)
      await rejectsWith('NOT_RUNNING', client.get('/api/v1/status'))
      assert.equal(statSync(path).mode & 0o077, 0)
    } finally {
      await gateway.stop()
    }
  }))

test('old versions of TLS and plain HTTP get nowhere, and silent handshakes hold nothing up', () =>
  withDirectory(async directory => {
    const { node } = shared()
    const source = ca.source(() => ['localhost', '127.0.0.1'], Date.now)
    const credentials = await ReloadingCredentials.open(source, silentLog)
    const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
    const gateway = await startGateway({ ...options, credentials })
    const port = Number(new URL(gateway.url).port)
    const old = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    })
    await assert.rejects(once(old, 'secureConnect'))
    await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`))
    const sent = request({
      port,
      host: '127.0.0.1',
      ca: ca.pem,
      servername: 'localhost',
      path: '/healthz',
    }).end()
    const [response] = await once(sent, 'response')
    assert.match(await text(response), /ok/)
    const silent = openTcp(port, '127.0.0.1')
    await once(silent, 'connect')
    silent.on('error', () => undefined)
    const startMs = performance.now()
    await gateway.stop()
    assert.ok(performance.now() - startMs < 8_000)
    silent.destroy()
  }))

test('certificates that cannot be used are refused at the start', () =>
  withDirectory(async directory => {
    const [certPath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
    const open = (): Promise<unknown> =>
      ReloadingCredentials.open(pairIn(certPath, keyPath), silentLog)
    await rejectsWith('CONFIG_INVALID', open())
    const [one, other] = [ca.issue(['a'], Date.now()), ca.issue(['b'], Date.now())]
    writeFileSync(certPath, one.cert)
    writeFileSync(keyPath, other.key)
    await rejectsWith('CONFIG_INVALID', open())
    const ended = ca.issue(['a'], Date.UTC(2020, 1, 1))
    writeFileSync(certPath, ended.cert)
    writeFileSync(keyPath, ended.key)
    await rejectsWith('CONFIG_INVALID', open())
  }))

test('the certificate to trust can be asked for, by who has the token', async () => {
  const { ask, bearer, node } = shared()
  assert.equal((await ask('/api/v1/authority')).status, 401)
  const { body } = await ask('/api/v1/authority', { headers: bearer })
  const { certificate } = JSON.parse(body) as { certificate: string }
  const own = new NetworkCa(node.deriveKey(CA_PURPOSE), node.status().network)
  const leaf = new X509Certificate(own.issue(['localhost'], Date.now()).cert)
  assert.ok(leaf.checkIssued(new X509Certificate(certificate)))
})
