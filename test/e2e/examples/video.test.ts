import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { chromium } from 'playwright-core'

import { root, scratchFolder } from '../../support/checkout.ts'
import { eventually } from '../../support/processes.ts'

const READY_MS = 60_000
const PEERS = 4
const PART_BYTES = 5 * 1_048_576 + 111
const CHROMIUM = '/usr/bin/chromium'
const FFMPEG = '/usr/bin/ffmpeg'

const children = new Set<ChildProcess>()

/** The example as somebody starts it who has read its first lines. */
async function start(
  name: string,
  data: string,
  invite = '',
): Promise<{ url: string; invite: string }> {
  const script = join(root, 'examples', 'video', 'server.ts')
  const child = spawn('node', ['--conditions=source', script], {
    env: { ...process.env, NAME: name, DATA: data, ...(invite !== '' && { JOIN: invite }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  let output = ''
  child.stdout.on('data', text => (output += String(text)))
  const isUp = async (): Promise<boolean> =>
    /^http:.*\n/m.test(output) && (invite !== '' || /^hf1.*\n/m.test(output))
  await eventually(isUp, READY_MS, () => `${name} is not up: ${output}`)
  return { url: /^http:.*$/m.exec(output)?.[0] ?? '', invite: /^hf1.*$/m.exec(output)?.[0] ?? '' }
}

async function json<Body>(url: string, init?: RequestInit): Promise<Body> {
  const answer = await fetch(url, init)
  assert.ok(answer.ok, `${url} answers ${answer.status}`)
  return (await answer.json()) as Body
}

/** Of a browser's. */
interface Video {
  currentTime: number
  readonly readyState: number
}

interface Holders {
  readonly segments: readonly {
    readonly fragments: readonly { readonly peer?: string; readonly kind: string }[]
  }[]
}

describe('examples/video', () => {
  let urls: readonly string[] = []
  const film = randomBytes(11 * PART_BYTES + 1_234_567)

  /** In parts, all at once, each through another peer. */
  async function upload(url: string, name: string, bytes: Uint8Array): Promise<void> {
    const begun = await json<{ upload: string }>(`${url}/uploads`, {
      method: 'POST',
      body: JSON.stringify({ name }),
    })
    const count = Math.max(1, Math.ceil(bytes.length / PART_BYTES))
    const parts = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        json(`${urls[at % urls.length]}/uploads/${name}/${begun.upload}/${at + 1}`, {
          method: 'PUT',
          body: bytes.slice(at * PART_BYTES, (at + 1) * PART_BYTES),
        }),
      ),
    )
    await json(`${url}/uploads/${name}/${begun.upload}`, {
      method: 'POST',
      body: JSON.stringify({ parts }),
    })
  }

  before(async () => {
    const folder = scratchFolder()
    const first = await start('p0', join(folder, 'p0'))
    const others = await Promise.all(
      Array.from({ length: PEERS - 1 }, (_, at) =>
        start(`p${at + 1}`, join(folder, `p${at + 1}`), first.invite),
      ),
    )
    urls = [first, ...others].map(({ url }) => url)
    await eventually(
      async () => {
        await upload(urls[0] ?? '', 'probe.mp4', randomBytes(1_000_000))
        const { segments } = await json<Holders>(`${urls[0]}/videos/probe.mp4/holders`)
        return (segments[0]?.fragments.filter(({ peer }) => peer).length ?? 0) >= PEERS
      },
      READY_MS,
      () => 'the peers do not hold fragments together',
    )
  })
  after(() => {
    for (const child of children) child.kill('SIGKILL')
  })

  test('takes a film in parts that come at once, and plays any range of it from any peer', async () => {
    await upload(urls[0] ?? '', 'film.mp4', film)
    for (const url of urls) {
      const from = 1 + Math.floor(Math.random() * film.length * 0.9)
      const to = Math.min(film.length, from + 3_000_000)
      const headers = { range: `bytes=${from}-${to - 1}` }
      const answer = await fetch(`${url}/videos/film.mp4`, { headers })
      assert.equal(answer.status, 206)
      assert.equal(answer.headers.get('content-range'), `bytes ${from}-${to - 1}/${film.length}`)
      assert.ok(film.subarray(from, to).equals(Buffer.from(await answer.arrayBuffer())))
    }
    assert.equal((await fetch(`${urls[0]}/videos/none.mp4`)).status, 404)
  })

  test('says who gave which bytes, and every holder gives its share', async context => {
    interface Served {
      readonly ranges: readonly { readonly name: string; readonly peers: Record<string, number> }[]
      readonly names: Record<string, string>
    }
    const shares = new Map<string, number>()
    for (const [at, url] of urls.entries()) {
      // The second time from the beginning, so that nothing of the first test counts.
      await (await fetch(`${url}/videos/film.mp4`)).arrayBuffer()
      const { ranges, names } = await json<Served>(`${url}/served`)
      const { peers = {} } = ranges.findLast(({ name }) => name === 'film.mp4') ?? {}
      const total = Object.values(peers).reduce((sum, bytes) => sum + bytes, 0)
      assert.ok(total >= film.length, `${total} of ${film.length} bytes were given at peer ${at}`)
      for (const [peer, bytes] of Object.entries(peers)) {
        const name = names[peer] ?? peer
        shares.set(name, (shares.get(name) ?? 0) + bytes / total / urls.length)
      }
    }
    const told = [...shares].map(([name, share]) => `${name} ${(share * 100).toFixed(0)} %`)
    context.diagnostic(`bytes given: ${told.join(', ')}`)
    assert.equal(shares.size, PEERS)
    // Twelve segments placed by chance: a quarter each, give or take.
    for (const share of shares.values()) assert.ok(share > 0.08 && share < 0.5, told.join())
  })

  const skip = [CHROMIUM, FFMPEG].every(path => existsSync(path))
    ? false
    : 'needs chromium and ffmpeg'
  test(
    'plays and seeks in a browser, from a peer that did not take the film',
    { skip },
    async () => {
      const path = join(scratchFolder(), 'clip.mp4')
      const source = 'testsrc=size=320x240:rate=10:duration=20'
      const encode = ['-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p', '-movflags', 'faststart']
      execFileSync(FFMPEG, ['-loglevel', 'error', ...encode, '-y', path])
      await upload(urls[0] ?? '', 'clip.mp4', readFileSync(path))
      const browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: [
          '--no-sandbox',
          '--disable-dev-shm-usage',
          '--disable-gpu',
          '--autoplay-policy=no-user-gesture-required',
        ],
      })
      try {
        const page = await browser.newPage()
        const complaints: string[] = []
        page.on('console', message => {
          if (message.type() === 'error') complaints.push(message.text())
        })
        await page.goto(`${urls[2]}/`)
        await page.getByRole('button', { name: /^clip\.mp4/ }).click()
        // The page's policy forbids to evaluate text, so it is asked from outside.
        const video = page.locator('video')
        const state = (): Promise<{ at: number; ready: number }> =>
          video.evaluate(it => {
            const { currentTime, readyState } = it as unknown as Video
            return { at: currentTime, ready: readyState }
          })
        const isAt = (ms: number) => async (): Promise<boolean> => {
          const { at, ready } = await state()
          return at * 1_000 >= ms && ready >= 2
        }
        await eventually(isAt(0), READY_MS, () => 'it does not play')
        await video.evaluate(it => void ((it as unknown as Video).currentTime = 15))
        await eventually(isAt(15_000), READY_MS, () => 'it does not seek')
        await page.getByRole('cell', { name: 'clip.mp4' }).first().waitFor()
        assert.deepEqual(complaints, [])
      } finally {
        await browser.close()
      }
    },
  )
})
