import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { viewports } from '../../helpers/browser.ts'

/** What a page looks like from outside. `tooWide` lists the viewports in which it would have to be scrolled sideways. */
export type Look = { readonly language: string; readonly heading: string; readonly tooWide: readonly string[] }

const folder = process.env.SEKISHO_SCREENSHOTS

/**
 * Looks at the open page on a desktop and on a phone. With `SEKISHO_SCREENSHOTS` set to a folder, leaves pictures of it there as
 * `<name>-<language>-<viewport>.png`.
 */
export async function lookAtPage(page: Page, name: string): Promise<Look> {
  const language = (await page.getAttribute('html', 'lang')) ?? ''
  const heading = (await page.locator('h1:visible').textContent()) ?? ''
  const tooWide: string[] = []
  for (const [viewport, size] of Object.entries(viewports)) {
    await page.setViewportSize(size)
    if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) tooWide.push(viewport)
    if (folder === undefined) continue
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: join(folder, `${name}-${language}-${viewport}.png`), fullPage: true })
  }
  return { language, heading, tooWide }
}
