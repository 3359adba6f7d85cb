import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'

import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

/** Why pages cannot be tried here; false if they can. */
export const noBrowser: string | false = existsSync(CHROMIUM) ? false : 'needs Debian’s chromium'

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--autoplay-policy=no-user-gesture-required',
    ],
  })

/** Collects what a page complains of: errors, refusals by its policy, and requests to other hosts. */
export function watch(page: Page, ownUrls: readonly string[]): string[] {
  const problems: string[] = []
  page.on('pageerror', error => problems.push(`error: ${error.message}`))
  page.on('console', message => {
    if (/Content Security Policy/.test(message.text())) problems.push(message.text())
  })
  page.on('request', request => {
    const url = request.url()
    const isOwn = /^(blob|data):/.test(url) || ownUrls.some(own => url.startsWith(own))
    if (!isOwn) problems.push(`asked elsewhere: ${url}`)
  })
  return problems
}

interface Finding {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** No serious finding of axe-core in what is shown. */
export async function assertAccessible(page: Page): Promise<void> {
  // By the protocol, past the page's policy, which would rightly refuse it.
  const findings = await page.evaluate<readonly Finding[]>(`${axe.source}; axe.run(document, {
    resultTypes: ['violations'],
  }).then(({ violations }) => violations)`)
  const serious = findings
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
  assert.deepEqual(serious, [])
}
