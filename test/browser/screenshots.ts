import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { Page } from 'playwright-core'

import { root, scratchFolder } from '../support/checkout.ts'

/**
 * Pictures of the pages for docs/screenshots, made while they are tested: `npm run screenshots` asks
 * for them. With few colours they are a tenth as large, and look the same.
 */
const isWanted = process.env['HOLDFAST_SCREENSHOTS'] === '1'
const sizes = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
] as const
const schemes = ['light', 'dark'] as const
const SETTLE_MS = 400
const target = join(root, 'docs', 'screenshots')
const reduce = 'split[a][b];[a]palettegen=max_colors=96[p];[b][p]paletteuse=dither=none'

/** Takes one in each size and scheme, if they are wanted; leaves the page as it was. */
export async function takeScreenshots(page: Page, name: string): Promise<void> {
  if (!isWanted) return
  mkdirSync(target, { recursive: true })
  const before = page.viewportSize()
  for (const size of sizes)
    for (const colorScheme of schemes) {
      await page.setViewportSize(size)
      await page.emulateMedia({ colorScheme })
      await page.evaluate(`new Promise(done => setTimeout(done, ${SETTLE_MS}))`)
      const file = `${name.replaceAll('/', '-')}-${size.width}-${colorScheme}.png`
      const raw = join(scratchFolder(), file)
      await page.screenshot({ path: raw, animations: 'disabled' })
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', raw, '-vf', reduce, join(target, file)])
    }
  await page.emulateMedia({ colorScheme: null })
  if (before !== null) await page.setViewportSize(before)
}
