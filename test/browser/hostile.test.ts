import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import type { Browser, Page } from 'playwright-core'

import { assertAccessible, launch, noBrowser, watch } from './browser.ts'
import { type MadeGateway, startMadeGateway } from './made-gateway.ts'
import { show } from './scene.ts'

/**
 * Names that a real network refuses, or that its limits cut: here everything is called so, and there
 * is no policy that would save the page. Whatever they contain is shown as text.
 */
const names = [
  '<img src=x onerror="window.harm=1">',
  '</title><script>window.harm=1</script>',
  '\u202e\u2066gnp.exe',
  `"'><svg onload=window.harm=1>{{harm}}\${harm}`,
  'javascript:window.harm=1',
  `long-${'<b>x</b>'.repeat(1250)}`,
  '\u0000\ud800\n\t ',
  '../../..//%2e%2e#?&',
]
const pages = [
  '#/overview',
  '#/peers',
  '#/objects',
  `#/objects/${encodeURIComponent(names[0] ?? '')}`,
  `#/object/films/${encodeURIComponent(names[1] ?? '')}`,
  `#/fragments/films/${encodeURIComponent(names[3] ?? '')}`,
  '#/groups',
  '#/clocks',
  '#/events',
  '#/repairs',
]

describe('hostile names', { skip: noBrowser }, () => {
  let browser: Browser
  let gateway: MadeGateway
  let page: Page
  let problems: string[]
  before(async () => {
    gateway = await startMadeGateway({ peers: 40, objects: 8, segments: 8, names })
    browser = await launch()
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    problems = watch(page, [gateway.url])
    await page.goto(`${gateway.url}/console/`)
    await page.waitForSelector('.verdict')
  })
  after(async () => {
    await browser?.close()
    await gateway?.stop()
  })

  for (const hash of pages)
    test(`do nothing on ${decodeURIComponent(hash).slice(0, 40)}`, async () => {
      await show(page, hash)
      await page.waitForSelector('.panel')
      await page.evaluate('new Promise(done => setTimeout(done, 200))')
      assert.equal(await page.evaluate('window.harm'), undefined)
      const made = 'main img[src=x], main script, main b:not(.interval b), main svg[onload]'
      assert.equal(await page.locator(made).count(), 0)
      const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
      assert.equal(isWide, false, 'the page has become wider than the window')
      await assertAccessible(page)
      assert.deepEqual(problems, [])
    })

  test('are isolated, so that none turns the text around it', async () => {
    await show(page, '#/peers')
    await page.waitForSelector('.rows [role=row]')
    const loose = await page.evaluate(`[...document.querySelectorAll('main *')].filter(each =>
      each.childElementCount === 0 && each.textContent.includes('\u202e') &&
      getComputedStyle(each).unicodeBidi !== 'isolate' && each.tagName !== 'BDI').map(each => each.outerHTML)`)
    assert.deepEqual(loose, [])
  })
})
