import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'

import { PaymentsClient } from '../../../examples/payments/client.ts'
import type { Account, Payment } from '../../../examples/payments/ledger.ts'
import type { LoadReport } from '../../../examples/payments/load.ts'
import { ServerProcess, stopAll } from '../../../examples/payments/processes.ts'
import { root, scratchFolder } from '../../support/checkout.ts'
import { eventually } from '../../support/processes.ts'

const run = promisify(execFile)
const STORY_MS = 150_000
const KNOWN_MS = 20_000

test('the example keeps its books in order while servers are killed, paused and cut off', async () => {
  const flags = ['--chaos', '--payments', '1200', '--seconds', '30', '--every-ms', '2000', '--json']
  const script = join(root, 'examples', 'payments', 'run.ts')
  const { stdout } = await run('node', ['--conditions=source', script, ...flags], {
    timeout: STORY_MS,
  })
  const report = JSON.parse(stdout) as LoadReport
  assert.deepEqual(report.problems, [])
  assert.ok(report.payments > 200, stdout)
  assert.ok(report.repeats > 50, stdout)
  const { events, arrived, reordered, corrected } = report.order
  assert.ok(events > 200, stdout)
  for (const share of [arrived, reordered, corrected]) assert.ok(share >= 0 && share <= 1, stdout)
})

describe('a payment service of three servers', () => {
  let servers: readonly ServerProcess[] = []
  const url = (at: number): string => servers[at]?.ready.url ?? ''
  const post = (at: number, path: string, body: unknown, key?: string): Promise<Response> =>
    fetch(`${url(at)}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      redirect: 'follow',
      headers: key === undefined ? {} : { 'idempotency-key': key },
    })

  before(async () => {
    const folder = scratchFolder()
    servers = [0, 1, 2].map(
      at => new ServerProcess(`server-${at}`, { DATA: join(folder, String(at)) }),
    )
    const [first, ...others] = servers
    const { invite } = (await first?.start()) ?? {}
    await Promise.all(others.map(server => server.start(invite)))
    const client = new PaymentsClient({ servers: [url(0)] })
    await client.open('ann', 1_000)
    await client.open('bob', 1)
  })
  after(stopAll)

  test('makes a payment once, whichever server is asked', async () => {
    const payment = { from: 'ann', to: 'bob', amount: 100, reference: 'rent' }
    const first = await post(0, '/payments', payment, 'rent-may')
    assert.equal(first.status, 201)
    const { number } = (await first.json()) as { number: number }
    const again = await post(1, '/payments', payment, 'rent-may')
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    assert.equal(((await again.json()) as { number: number }).number, number)
    const other = await post(2, '/payments', { ...payment, amount: 101 }, 'rent-may')
    assert.deepEqual([other.status, await other.json()], [422, { code: 'MACHINE_KEY_REUSED' }])
    const bob = (await (await fetch(`${url(2)}/accounts/bob`)).json()) as Account
    assert.deepEqual([bob.balance, bob.payments], [101, 1])
  })

  test('refuses what must not be, and says why', async () => {
    const payment = { from: 'ann', to: 'bob', amount: 100_000 }
    const codeOf = async (answer: Response): Promise<[number, string]> => [
      answer.status,
      ((await answer.json()) as { code: string }).code,
    ]
    const asked: [unknown, string | undefined, [number, string]][] = [
      [payment, 'a', [422, 'OVERDRAFT']],
      [{ ...payment, from: 'bank' }, 'b', [422, 'NOT_ALLOWED']],
      [{ ...payment, to: 'nobody' }, 'c', [422, 'NO_SUCH_ACCOUNT']],
      [{ ...payment, amount: -1 }, 'd', [400, 'MALFORMED']],
      [{ ...payment, amount: 0.5 }, 'e', [400, 'MALFORMED']],
      [payment, undefined, [400, 'KEY_NEEDED']],
      [[], 'f', [400, 'MALFORMED']],
    ]
    for (const [body, key, expected] of asked) {
      assert.deepEqual(await codeOf(await post(0, '/payments', body, key)), expected)
    }
    assert.equal((await fetch(`${url(0)}/no-such-thing`)).status, 404)
    assert.equal((await fetch(`${url(0)}/accounts/nobody`)).status, 404)
  })

  test('tells one history, with times and how far they may be off', async () => {
    const histories: Payment[][] = []
    for (const at of [0, 1, 2]) {
      const payments: Payment[] = []
      for await (const each of new PaymentsClient({ servers: [url(at)] }).payments()) {
        payments.push(each)
      }
      histories.push(payments)
    }
    assert.deepEqual(histories[1], histories[0])
    assert.deepEqual(histories[2], histories[0])
    const [first] = histories[0] ?? []
    assert.ok(first !== undefined)
    assert.ok(Math.abs(first.at.ms - Date.now()) < 600_000)
    assert.ok(first.at.boundMs === null || first.at.boundMs > 0)
  })

  test('exports statements as files, which every server gives back', async () => {
    const made = await post(0, '/accounts/ann/statements', {}, 'may')
    assert.equal(made.status, 201, await made.clone().text())
    const location = made.headers.get('location') ?? ''
    const csv = await (await fetch(`${url(2)}${location}`)).text()
    assert.match(csv, /^number,time,from,to,amount,reference\r\n1,.*,ann,bob,100,"rent"\r\n$/)
    const again = await post(1, '/accounts/ann/statements', {}, 'may')
    assert.equal(again.headers.get('location'), location)
    const list = (await (await fetch(`${url(1)}/accounts/ann/statements`)).json()) as {
      statements: unknown[]
    }
    assert.equal(list.statements.length, 1)
  })

  test('shows payments live, on a page that may load nothing from elsewhere', async () => {
    const page = await fetch(`${url(0)}/`)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'; script-src 'self'/)
    const html = await page.text()
    assert.doesNotMatch(html, /<script>|style="|\son\w+="|https?:/)
    for (const name of ['app.js', 'style.css']) {
      assert.equal((await fetch(`${url(0)}/${name}`)).status, 200)
    }
    const controller = new AbortController()
    const live = await fetch(`${url(1)}/live`, { signal: controller.signal })
    const payment = { from: 'bob', to: 'ann', amount: 7 }
    const seen = (async () => {
      for await (const chunk of live.body ?? []) {
        const text = Buffer.from(chunk).toString()
        if (text.includes('"amount":7')) return
      }
    })()
    assert.equal((await post(0, '/payments', payment, 'live')).status, 201)
    await seen
    controller.abort()
  })

  test('and its client goes on at another server when one is gone', async () => {
    const client = new PaymentsClient({ servers: [url(2)] })
    // Each looks for the others now and then.
    const knowsAll = async (): Promise<boolean> => (await client.learn()).length === 3
    await eventually(knowsAll, KNOWN_MS, () => 'the servers do not know each other')
    await servers[2]?.kill()
    const { number } = await client.pay({ from: 'bob', to: 'ann', amount: 1 }, 'after')
    assert.ok(number > 0)
    assert.ok(client.counts.retries > 0)
  })
})
