import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Browser, BrowserContext, Page } from 'playwright-core'

import { eventually, type PeerProcess } from '../support/processes.ts'
import { holdfast, type Shell, startStorage } from '../support/storage.ts'
import { launch, watch } from './browser.ts'

const PEERS = 6
/** How long a page may take to show what it is asked for. */
export const SHOWN_MS = 20_000

/** Six peers as processes, a browser, and somebody who is signed in at the first of them. */
export interface Scene {
  readonly shells: readonly Shell[]
  readonly browser: Browser
  readonly context: BrowserContext
  readonly page: Page
  /** Where the console is. */
  readonly url: string
  /** What pages complained of, all along. */
  readonly problems: string[]
}

export async function startScene(main: string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-browser-'))
  const { shells } = await startStorage(main, PEERS, folder)
  const browser = await launch()
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  context.setDefaultTimeout(SHOWN_MS)
  const page = await context.newPage()
  const url = (shells[0] as Shell).peer.announcement?.gateway ?? ''
  const problems = watch(page, [url])
  return { shells, browser, context, page, url, problems }
}

/** A link that is good once, as the command line gives it. */
export function loginLink(shell: Shell): string {
  const { status, stdout, stderr } = holdfast(shell, ['console'])
  if (status !== 0) throw new Error(`there is no link: ${stderr}`)
  return stdout.toString().trim()
}

export async function show(page: Page, hash: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.waitForSelector('main h1')
}

/** Another page of the same person, at another place of the console. */
export async function another({ context, url, problems }: Scene, hash: string): Promise<Page> {
  const page = await context.newPage()
  problems.push(...watch(page, [url]))
  await page.goto(`${url}/console/${hash}`)
  await page.waitForSelector('main h1')
  return page
}

/** The policy of the console keeps its pages from waiting for a script that is text. */
export const until = (holds: () => Promise<boolean>): Promise<number> =>
  eventually(holds, SHOWN_MS, () => 'waited for it in vain')

/** Waits until a page says something, without loading it anew; returns for how long. */
export const untilSays = (
  page: Page,
  selector: string,
  pattern: RegExp,
  withinMs: number,
): Promise<number> => {
  let said = ''
  return eventually(
    async () => {
      said = (await page.locator(selector).allTextContents()).join(' | ')
      return pattern.test(said)
    },
    withinMs,
    () => `${selector} says "${said.slice(0, 300)}", not ${pattern}`,
  )
}

/** A film of a moving picture with a counter, for as many seconds. */
export function makeFilm(path: string, seconds: number): void {
  const source = `testsrc2=size=640x360:rate=25:duration=${seconds}`
  const shape = '-c:v libx264 -preset ultrafast -b:v 2M -g 50 -pix_fmt yuv420p -movflags +faststart'
  const args = ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...shape.split(' '), path]
  execFileSync('ffmpeg', args)
}

export const peerAt = ({ shells }: Scene, index: number): PeerProcess =>
  (shells[index] as Shell).peer
