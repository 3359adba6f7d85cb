import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'

import { root, scratchFolder } from '../../support/checkout.ts'
import { eventually } from '../../support/processes.ts'

const READY_MS = 60_000

interface App {
  readonly child: ChildProcess
  readonly url: string
  readonly invite: string | undefined
}

/** The example as somebody starts it who has read its first lines. */
async function startApp(data: string, join_?: string): Promise<App> {
  const child = spawn('node', ['--conditions=source', join(root, 'examples', 'embed', 'app.ts')], {
    env: {
      ...process.env,
      DATA: data,
      PORT: '0',
      LISTEN: '/ip4/127.0.0.1/tcp/0',
      ...(join_ !== undefined && { JOIN: join_ }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  apps.add(child)
  let [output, log] = ['', '']
  child.stdout?.on('data', text => (output += String(text)))
  child.stderr?.on('data', text => (log += String(text)))
  const isUp = async (): Promise<boolean> =>
    child.exitCode !== null ||
    (/^http:/m.test(output) && (join_ !== undefined || /^hf1/m.test(output)))
  await eventually(isUp, READY_MS, () => `the app is not up: ${output}${log}`)
  assert.equal(child.exitCode, null, log)
  return {
    child,
    url: /^http:.*$/m.exec(output)?.[0] ?? '',
    invite: /^hf1.*$/m.exec(output)?.[0],
  }
}

const apps = new Set<ChildProcess>()
const killApps = (): void => {
  for (const child of apps) child.kill('SIGKILL')
  apps.clear()
}

describe('examples/embed', () => {
  afterEach(killApps)
  after(killApps)

  test('stores what is uploaded, gives it back, lists and deletes it, and stops in order', async () => {
    const { url, child } = await startApp(join(scratchFolder(), 'data'))
    const bytes = randomBytes(3_000_000)
    const put = await fetch(`${url}/photo.jpg`, {
      method: 'PUT',
      headers: { 'content-type': 'image/jpeg' },
      body: bytes,
    })
    assert.deepEqual(
      [put.status, await put.json()],
      [201, { key: 'photo.jpg', sizeBytes: 3_000_000 }],
    )
    const got = await fetch(`${url}/photo.jpg`)
    assert.equal(got.headers.get('content-type'), 'image/jpeg')
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes)
    const part = await fetch(`${url}/photo.jpg`, { headers: { range: 'bytes=10-19' } })
    assert.equal(part.status, 206)
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20))
    assert.equal(await (await fetch(url)).text(), '3000000\tphoto.jpg\n')
    assert.equal((await fetch(`${url}/photo.jpg`, { method: 'DELETE' })).status, 204)
    assert.equal((await fetch(`${url}/photo.jpg`)).status, 404)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('is one store on two machines', async () => {
    const folder = scratchFolder()
    const first = await startApp(join(folder, 'first'))
    const second = await startApp(join(folder, 'second'), first.invite)
    await fetch(`${first.url}/note.txt`, { method: 'PUT', body: 'from the first' })
    assert.equal(await (await fetch(`${second.url}/note.txt`)).text(), 'from the first')
  })
})
