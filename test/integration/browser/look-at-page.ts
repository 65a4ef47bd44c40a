import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { viewports } from '../../helpers/browser.ts'

/** What a page looks like from outside. It fits a viewport where it need not be scrolled sideways. */
export type Look = {
  readonly language: string
  readonly heading: string
  readonly fits: { readonly [viewport in keyof typeof viewports]: boolean }
}

const folder = process.env.SEKISHO_SCREENSHOTS

/**
 * Looks at the open page on a desktop and on a phone. With `SEKISHO_SCREENSHOTS` set to a folder, leaves pictures of it there as
 * `<name>-<language>-<viewport>.png`.
 */
export async function lookAtPage(page: Page, name: string): Promise<Look> {
  const language = (await page.getAttribute('html', 'lang')) ?? ''
  const heading = (await page.locator('h1:visible').textContent()) ?? ''
  const fits = { desktop: false, phone: false }
  const isOpen = ({ width }: { width: number }) => page.viewportSize()?.width === width
  // The size the page has comes first: resizing is the slow part.
  const names = Object.keys(viewports) as (keyof typeof viewports)[]
  names.sort((a, b) => Number(isOpen(viewports[b])) - Number(isOpen(viewports[a])))
  for (const viewport of names) {
    const size = viewports[viewport]
    if (!isOpen(size)) await page.setViewportSize(size)
    fits[viewport] = await page.evaluate(
      () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
    )
    if (folder === undefined) continue
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: join(folder, `${name}-${language}-${viewport}.png`), fullPage: true })
  }
  return { language, heading, fits }
}
