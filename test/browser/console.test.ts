import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import type { Page } from 'playwright-core'

import { run, scratchFolder } from '../support/checkout.ts'
import { buildProgram, killAll, PeerProcess } from '../support/processes.ts'
import { randomFile, succeed, type Shell } from '../support/storage.ts'
import { assertAccessible, noBrowser } from './browser.ts'
import {
  another,
  loginLink,
  makeFilm,
  peerAt,
  type Scene,
  SHOWN_MS,
  show,
  startScene,
  until,
  untilSays,
} from './scene.ts'
import { takeScreenshots } from './screenshots.ts'

/**
 * The console of a real network of six processes, in a real browser. The tests go on from each other,
 * as somebody would who sits before it.
 */
const CHANGE_MS_MAX = 10_000
const RECOVERY_MS_MAX = 60_000
const FILM_SECONDS = 30
const hostile = [
  '<img src=x onerror="document.title=1">',
  '\u202egnp.exe\u2066',
  `${'long-'.repeat(200)}end`,
  '"><script>document.title=1</script>',
  "it's/../%2e%2e/&amp;",
]
const local = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--profile', 'fast']
const hasFilms = run('ffmpeg -version', '/').status === 0

describe('the console', { skip: noBrowser }, () => {
  let scene: Scene
  let main = ''
  const folder = scratchFolder()
  const shell = (): Shell => scene.shells[0] as Shell
  const file = (name: string): string => join(folder, name)

  const rename = async (page: Page, name: string, says: RegExp): Promise<void> => {
    await show(page, `#/peers/${peerAt(scene, 1).id}`)
    await page.click('text=Rename')
    await page.fill('dialog input', name)
    await page.click('dialog >> text=Rename >> nth=-1')
    await page.waitForSelector('dialog', { state: 'detached' })
    await untilSays(page, 'main h1', says, SHOWN_MS)
  }

  before(async () => {
    main = buildProgram()
    scene = await startScene(main)
  })
  after(async () => {
    await scene?.browser.close()
    await killAll()
  })

  test('a link signs in once, and leaves nothing in the address', async () => {
    const { page } = scene
    const link = loginLink(shell())
    await page.goto(link)
    await page.waitForSelector('.verdict')
    assert.doesNotMatch(page.url(), /login/)
    const stranger = await scene.browser.newPage()
    await stranger.goto(link)
    await stranger.waitForSelector('input[type=password]')
    await untilSays(stranger, '.notice', /not accepted/, SHOWN_MS)
    await assertAccessible(stranger)
    await stranger.close()
  })

  test('the token signs in, and a wrong one does not', async () => {
    const stranger = await scene.browser.newPage()
    await stranger.goto(`${scene.url}/console/`)
    const enter = async (token: string): Promise<void> => {
      await stranger.fill('input[type=password]', token)
      await stranger.keyboard.press('Enter')
    }
    await enter('not-the-token')
    await untilSays(stranger, '.notice', /not accepted/, SHOWN_MS)
    await enter(run(`cat ${shell().peer.data}/api-token`, '/').stdout.trim())
    await stranger.waitForSelector('.verdict')
    await stranger.click('text=Sign out')
    await stranger.waitForSelector('input[type=password]')
    await stranger.close()
  })

  test('a hundred mebibytes are uploaded, and how far they are is seen', async context => {
    const { page } = scene
    randomFile(file('large.bin'), 104_857_600)
    succeed(shell(), ['buckets', 'create', 'films'])
    await show(page, '#/objects/films')
    await page.setInputFiles('input[type=file]', file('large.bin'))
    const shares = new Set<number>()
    const meter = page.locator('.uploads [role=meter]').first()
    for (let isDone = false; !isDone;) {
      shares.add(Number(await meter.getAttribute('aria-valuenow')))
      isDone = (await page.locator('.uploads [data-tone=good]').count()) > 0
    }
    const between = [...shares].filter(share => share > 0 && share < 100)
    context.diagnostic(`seen at ${between.length} places between 0 and 100 %`)
    assert.ok(between.length >= 3, [...shares].join())
    await page.waitForSelector('.rows >> text=large.bin')
    const stat = JSON.parse(succeed(shell(), ['stat', '--json', 'films/large.bin'])) as object
    assert.equal((stat as { sizeBytes: number }).sizeBytes, 104_857_600)
  })

  test('an upload goes on where it was when the page was closed', async () => {
    const { page } = scene
    writeFileSync(file('resumed.bin'), '')
    truncateSync(file('resumed.bin'), 128 << 20)
    await page.setInputFiles('input[type=file]', file('resumed.bin'))
    const meter = page.locator('.uploads li', { hasText: 'resumed.bin' }).locator('[role=meter]')
    // Three parts of an eighth are on their way at a time: beyond that, one has arrived.
    await until(async () => Number(await meter.getAttribute('aria-valuenow')) > 45)
    await page.click('.uploads >> text=Pause')
    await page.reload()
    await page.waitForSelector('input[type=file]', { state: 'attached' })
    const sent: string[] = []
    page.on('request', request => {
      if (request.method() === 'PUT')
        sent.push(new URL(request.url()).searchParams.get('part') ?? '')
    })
    await page.setInputFiles('input[type=file]', file('resumed.bin'))
    await page.waitForSelector('.uploads [data-tone=good]')
    assert.ok(sent.length > 0 && sent.length < 8, `sent ${sent.join()}`)
  })

  test('a film is played, and sought to four fifths', { skip: !hasFilms }, async context => {
    const { page } = scene
    makeFilm(file('waves.mp4'), FILM_SECONDS)
    succeed(shell(), ['put', file('waves.mp4'), 'films/'])
    await show(page, '#/object/films/waves.mp4')
    await page.waitForSelector('video')
    const played = await page.evaluate<readonly [number, number]>(`(async () => {
      const film = document.querySelector('video')
      film.muted = true
      if (film.readyState < 1) await new Promise(done => (film.onloadedmetadata = done))
      film.currentTime = film.duration * 0.8
      await new Promise(done => (film.onseeked = done))
      const from = film.currentTime
      const frames = film.getVideoPlaybackQuality().totalVideoFrames
      await film.play()
      await new Promise(done => (film.ontimeupdate = () => film.currentTime >= from + 2.2 && done()))
      film.pause()
      return [film.currentTime - from, film.getVideoPlaybackQuality().totalVideoFrames - frames]
    })()`)
    context.diagnostic(`${played[0].toFixed(1)} s played in ${played[1]} frames`)
    assert.ok(played[0] >= 2 && played[1] >= 20, played.join())
  })

  test('names of any kind are text', async () => {
    const { page } = scene
    for (const name of hostile) succeed(shell(), ['put', '-', `films/hostile/${name}`], 'x')
    await show(page, '#/objects/films/hostile%2F')
    await page.waitForSelector('.rows [role=row]')
    for (const name of hostile) {
      await show(page, `#/object/films/${encodeURIComponent(`hostile/${name}`)}`)
      await page.waitForSelector('text=Properties')
    }
    await rename(page, hostile[0] ?? '', /<img src=x/)
    for (const hash of ['#/peers', '#/groups', '#/clocks', '#/events', '#/overview']) {
      await show(page, hash)
      assert.equal(await page.locator('img[src=x], main script').count(), 0)
      assert.notEqual(await page.title(), '1')
    }
    await rename(page, '', /peer-1/)
    assert.deepEqual(scene.problems, [])
  })

  const pages = [
    ['overview', '.verdict'],
    ['peers', '.rows [role=row]'],
    ['objects', '.rows [role=row]'],
    ['objects/films', '.rows [role=row]'],
    ['object/films/' + (hasFilms ? 'waves.mp4' : 'large.bin'), '.facts'],
    ['fragments/films/large.bin', '.matrix canvas'],
    ['groups', '.simple'],
    ['clocks', '.interval'],
    ['events', '.rows [role=row]'],
    ['repairs', '.facts'],
    ['metrics', '.panel'],
  ] as const
  for (const [hash, ready] of pages)
    test(`the page ${hash} is shown, and can be used by everybody`, async () => {
      await show(scene.page, `#/${hash}`)
      await scene.page.waitForSelector(ready)
      await assertAccessible(scene.page)
      await takeScreenshots(scene.page, hash)
      assert.deepEqual(scene.problems, [])
    })

  test('the page of a peer is shown, and can be used by everybody', async () => {
    await show(scene.page, `#/peers/${peerAt(scene, 2).id}`)
    await scene.page.waitForSelector('.parts')
    await assertAccessible(scene.page)
    await takeScreenshots(scene.page, 'peer')
  })

  test('peers are shown on a map, by zone and distance', async () => {
    await show(scene.page, '#/peers')
    await scene.page.click('text=Map')
    await until(async () => (await scene.page.locator('.map .dot').count()) === 6)
    await assertAccessible(scene.page)
    await takeScreenshots(scene.page, 'peers-map')
  })

  test('fragments are put to the proof, and losses imagined', async () => {
    const { page } = scene
    await show(page, '#/fragments/films/large.bin')
    await page.waitForSelector('.holders li')
    await page.locator('.matrix canvas').focus()
    await page.keyboard.press('ArrowRight')
    await page.click('text=Verify now')
    await untilSays(page, '.simple', /cell \d+ right.*cell \d+ right/, SHOWN_MS)
    for (const at of [0, 1, 2]) await page.locator('.holders input').nth(at).check()
    await untilSays(page, '.notice', /If 3 peers went: .* cannot be read/, SHOWN_MS)
    await page.click('text=All come back')
    await page.locator('form >> text=Show').click()
    await untilSays(page, 'form', /need \d+ cells .* of 1 segment/, SHOWN_MS)
  })

  test('a link that is shared is read by whoever has it', async () => {
    const { page } = scene
    await show(page, '#/object/films/large.bin')
    await page.click('text=Share…')
    await page.click('text=Make a link')
    const url = (await page.locator('dialog .copy code').textContent()) ?? ''
    await page.keyboard.press('Escape')
    const { status, headers } = await fetch(url, { headers: { range: 'bytes=0-9' } })
    assert.deepEqual([status, headers.get('content-length')], [206, '10'])
  })

  test('a drain is tried before it is done', async () => {
    const { page } = scene
    await show(page, `#/peers/${peerAt(scene, 3).id}`)
    await page.click('text=Drain…')
    await untilSays(page, 'dialog', /A dry run says: .*\d+ fragments? .*would move/, SHOWN_MS)
    await assertAccessible(page)
    await page.click('dialog >> text=Cancel')
    await page.waitForSelector('dialog', { state: 'detached' })
  })

  test('everything is done by the keyboard alone', async () => {
    const { page } = scene
    await show(page, '#/overview')
    await page.keyboard.press('g')
    await page.keyboard.press('p')
    await page.waitForSelector('.rows [role=row]')
    await page.keyboard.press('/')
    await page.keyboard.type('peer-3')
    await until(async () => (await page.locator('.rows [role=row]').count()) === 1)
    await page.locator('.rows [role=row]').focus()
    await page.keyboard.press('Enter')
    await untilSays(page, 'main h1', /peer-3/, SHOWN_MS)
    await page.keyboard.press('?')
    await page.waitForSelector('dialog')
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
  })

  test('a peer that dies is seen, everywhere, and so is its return', async context => {
    const victim = peerAt(scene, 4)
    const overview = await another(scene, '#/overview')
    const peer = await another(scene, `#/peers/${victim.id}`)
    const matrix = await another(scene, '#/fragments/films/large.bin')
    await untilSays(overview, '.verdict .soft', /healthy/, RECOVERY_MS_MAX)
    await matrix.waitForSelector('.holders li')
    victim.kill('SIGKILL')
    const changes = await Promise.all([
      untilSays(overview, '.verdict', /repairing|degraded|at risk/, CHANGE_MS_MAX),
      untilSays(peer, '.facts', /dead/, CHANGE_MS_MAX),
      untilSays(matrix, '.holders', /dead/, CHANGE_MS_MAX),
    ])
    context.diagnostic(`seen after ${changes.map(ms => (ms / 1000).toFixed(1)).join(', ')} s`)
    await takeScreenshots(overview, 'overview-degraded')
    await takeScreenshots(matrix, 'fragments-degraded')
    await takeScreenshots(peer, 'peer-dead')
    const again = new PeerProcess(victim.name, {
      main,
      data: victim.data,
      flags: local,
    })
    await again.ready()
    await untilSays(overview, '.verdict .soft', /healthy/, RECOVERY_MS_MAX)
    await untilSays(peer, '.facts', /alive/, RECOVERY_MS_MAX)
    await untilSays(matrix, '.notice', /any [1-9]/, RECOVERY_MS_MAX)
    for (const page of [overview, peer, matrix]) await page.close()
  })

  test('a seventh peer joins by the command that is shown', async () => {
    const { page } = scene
    await show(page, '#/join')
    await page.click('text=Make an invite')
    await page.waitForSelector('svg.qr')
    await assertAccessible(page)
    await takeScreenshots(page, 'join')
    const command = (await page.locator('.copy code').textContent()) ?? ''
    const [, token = ''] = /--join (\S+)/.exec(command) ?? []
    assert.match(command, /^(holdfast|npx holdfast) up --join/)
    const seventh = new PeerProcess('seventh', {
      main,
      data: file('seventh'),
      flags: ['--join', token, ...local],
    })
    await seventh.ready()
    await show(page, '#/peers')
    await untilSays(page, '.rows', /seventh/, SHOWN_MS)
    await untilSays(page, '.head', /7 of 7 alive/, RECOVERY_MS_MAX)
    assert.deepEqual(scene.problems, [])
  })

  test('what needs a majority says so while there is none', async () => {
    const { page } = scene
    await show(page, '#/objects/films')
    await page.waitForSelector('.rows [role=row]')
    for (const index of [1, 2, 3, 5]) peerAt(scene, index).kill('SIGKILL')
    await show(page, '#/objects')
    await untilSays(page, '.notice', /No majority can be reached/, RECOVERY_MS_MAX)
    await takeScreenshots(page, 'objects-no-quorum')
  })

  test('a peer that serves no more is told of, and what was known stays', async () => {
    const { page } = scene
    peerAt(scene, 0).kill('SIGKILL')
    await untilSays(page, '.bar', /does not answer.*not live/, SHOWN_MS)
    await untilSays(page, '.rows', /films/, SHOWN_MS)
  })
})
