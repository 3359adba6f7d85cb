import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import type { MatrixHolder, MatrixSegment } from '../../../src/gateway/console/views/fragments.ts'
import type { Changes, MatrixChanges } from '../../../src/gateway/console/views/live.ts'
import type { OverviewView } from '../../../src/gateway/console/views/overview.ts'
import type { PeerRow } from '../../../src/gateway/console/views/peers.ts'
import type { SessionView } from '../../../src/gateway/console/views/session.ts'
import { scratchFolder } from '../../support/checkout.ts'
import {
  buildProgram,
  eventually,
  killAll,
  PeerProcess,
  startFleet,
} from '../../support/processes.ts'

const PROFILE = ['--profile', 'fast']
/** Of what a person sees while a peer dies. */
const SEEN_MS = 10_000
const HEALED_MS = 30_000
const hostile = '<img src=x onerror=alert(1)>\u202E'

/** A browser's side of the console, as far as the gateway can tell. */
class Browser {
  readonly origin: string
  #cookie = ''
  csrf = ''
  overview: OverviewView | undefined
  readonly peers: Map<string, PeerRow> = new Map()
  readonly segments: Map<number, MatrixSegment> = new Map()
  holders: readonly MatrixHolder[] = []
  readonly #ending = new AbortController()

  constructor(origin: string) {
    this.origin = origin
  }

  async logIn(body: object): Promise<number> {
    const answer = await fetch(`${this.origin}/api/v1/session`, {
      method: 'POST',
      headers: { origin: this.origin, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (answer.status !== 201) return answer.status
    this.#cookie = answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''
    this.csrf = ((await answer.json()) as SessionView).csrf
    return answer.status
  }

  ask(path: string, method = 'GET', body?: object): Promise<Response> {
    return fetch(`${this.origin}${path}`, {
      method,
      headers: {
        cookie: this.#cookie,
        origin: this.origin,
        'content-type': 'application/json',
        'x-holdfast-csrf': this.csrf,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }

  /** Follows what the pages show until it is closed. */
  async follow(query: string): Promise<void> {
    const response = await fetch(`${this.origin}/api/v1/events?${query}`, {
      headers: { cookie: this.#cookie },
      signal: this.#ending.signal,
    })
    assert.equal(response.status, 200)
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
    }
  }

  close(): void {
    this.#ending.abort()
  }

  #take(block: string): void {
    const [, event] = /^event: (.*)$/m.exec(block) ?? []
    const data = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') as unknown
    if (event === 'overview') this.overview = data as OverviewView
    if (event === 'peers')
      for (const row of (data as Changes<PeerRow>).rows) this.peers.set(row.peer, row)
    if (event !== 'matrix') return
    const { holders, segments } = data as MatrixChanges
    this.holders = holders
    for (const row of segments) this.segments.set(row.segment, row)
  }
}

describe('what the console is told of three peers', () => {
  let fleet: readonly PeerProcess[] = []
  let main = ''
  let file = ''
  before(async () => {
    main = buildProgram()
    ;({ peers: fleet } = await startFleet(main, 3, PROFILE))
    file = join(scratchFolder(), 'file')
    writeFileSync(file, new Uint8Array(3_000_000).fill(7))
  })
  after(killAll)

  const at = (index: number): PeerProcess => fleet[index] as PeerProcess
  const browserAt = (index: number): Browser => new Browser(at(index).announcement?.gateway ?? '')

  test('the link that `up` prints logs in once, `holdfast console` prints others', async () => {
    const [, code] = /#login=(.*)$/.exec(at(0).announcement?.console ?? '') ?? []
    const browser = browserAt(0)
    assert.equal(await browser.logIn({ code }), 201)
    assert.equal((await browser.ask('/api/v1/status')).status, 200)
    assert.equal(await browserAt(0).logIn({ code }), 401)
    const { stdout, status } = at(1).command('console')
    assert.equal(status, 0)
    const other = browserAt(1)
    assert.equal(await other.logIn({ code: stdout.trim().split('#login=')[1] }), 201)
    const page = await fetch(`${other.origin}/console/`)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(await page.text(), /<script/)
  })

  test('a peer that dies, and comes back, is seen at every peer without asking again', async () => {
    assert.equal(at(0).command(`put ${file} sea/file`).status, 0)
    const browser = browserAt(1)
    const link = at(1).command('console').stdout.trim()
    await browser.logIn({ code: link.split('#login=')[1] })
    const following = browser.follow('live=overview,peers&matrix=sea/file').catch(() => undefined)
    const isWell = async (): Promise<boolean> =>
      browser.overview?.level === 'healthy' &&
      browser.overview.sentence.endsWith('can lose any one peer') &&
      [...browser.peers.values()].every(({ state }) => state === 'alive') &&
      browser.segments.get(0)?.margin === 1
    const say = (): string => JSON.stringify([browser.overview?.sentence, browser.holders])
    await eventually(isWell, HEALED_MS, say)
    assert.equal(browser.peers.size, 3)
    assert.equal(browser.holders.length, 3)

    at(2).kill('SIGKILL')
    await at(2).exited
    const isSeen = async (): Promise<boolean> =>
      browser.peers.get(at(2).id)?.state === 'dead' &&
      browser.segments.get(0)?.margin === 0 &&
      browser.overview?.data.shortSegments === 1
    await eventually(isSeen, SEEN_MS, say)
    assert.equal(browser.holders.find(({ peer }) => peer === at(2).id)?.state, 'dead')
    assert.equal(browser.overview?.level, 'at risk')
    assert.ok(browser.overview.attention.some(({ peer }) => peer === at(2).id))

    const flags = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', ...PROFILE]
    const again = new PeerProcess('peer-2', { main, data: at(2).data, flags })
    await again.ready()
    await eventually(isWell, HEALED_MS, say)
    browser.close()
    await following
  })

  test('a name that means harm is told as it is, and leads nowhere', async () => {
    const browser = browserAt(0)
    const link = at(0).command('console').stdout.trim()
    await browser.logIn({ code: link.split('#login=')[1] })
    const path = `/api/v1/peers/${at(1).id}`
    assert.equal((await browser.ask(path, 'PATCH', { name: hostile })).status, 200)
    const isNamed = async (): Promise<boolean> =>
      (await Promise.all([at(0).peers(), at(1).peers()])).every(peers =>
        peers.some(({ name }) => name === hostile),
      )
    await eventually(isNamed, SEEN_MS, () => 'the name is not known everywhere')
    const shown = at(0).command('peers').stdout
    assert.ok(!shown.includes('\u202E'))
    browser.csrf = ''
    assert.equal((await browser.ask(path, 'PATCH', { name: '' })).status, 403)
  })
})
