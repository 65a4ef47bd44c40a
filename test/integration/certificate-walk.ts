import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { BrowserCertificate } from '../helpers/browser.ts'
import { lookAtPage } from './browser/look-at-page.ts'

/** What a user does with the gateway's pages, step by step, and how each page looked. */

export type Locale = 'ja-JP' | 'en-US'

/** Every page that was looked at: its name, and what was wrong with how it looked. */
export type Looks = { readonly name: string; readonly faults: readonly string[] }[]

export type Walk = {
  readonly locale: Locale
  readonly looks: Looks
  /** Where downloaded files are kept. */
  readonly folder: string
}

/** Looks at the open page at a desk and on a phone; see `lookAtPage` for pictures. */
export async function look(walk: Walk, page: Page, name: string): Promise<string> {
  const { language, heading, fits } = await lookAtPage(page, `life-${name}`)
  const faults = [
    ...(walk.locale.startsWith(language) ? [] : [`it is in ${language}`]),
    ...(fits.desktop ? [] : ['it does not fit a desktop']),
    ...(fits.phone ? [] : ['it does not fit a phone']),
  ]
  walk.looks.push({ name, faults })
  return heading
}

/** 電子証明書発行: login ID and login password, then 認証; the page that comes then. */
export async function authenticate(
  page: Page,
  who: { authority: string; loginId: string; password: string },
): Promise<void> {
  await page.goto(`https://${who.authority}/.sekisho/issue`)
  await page.fill('#login-id', who.loginId)
  await page.fill('#password', who.password)
  await page.locator('main button[type=submit]').click()
  await page.locator('#windows').waitFor()
}

/** A certificate as the page gave it: the file, its password and the serial number on the page. */
export type Obtained = BrowserCertificate & { readonly serial: string }

/** 発行 in the browser on the certificate page, for 発行 and 更新: a password for the file, set by the user, and the file. */
export async function obtainInBrowser(walk: Walk, page: Page, name: string): Promise<Obtained> {
  const password = `file password of ${name}`
  await page.locator('#browser-way > summary').click()
  await page.fill('#file-password', password)
  await page.fill('#file-password-again', password)
  await look(walk, page, `${name}-form`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#browser-issue').click()])
  const file = join(walk.folder, `${name}-${walk.locale}.p12`)
  await download.saveAs(file)
  await page.locator('#result:not([hidden])').waitFor()
  await look(walk, page, `${name}-result`)
  const serial = (await page.locator('#result-serial').textContent()) ?? ''
  return { file, password, serial }
}

/** Says that the file is installed; the page erases the key. */
export async function finish(page: Page): Promise<void> {
  await page.locator('#finish').click()
  await page.locator('#finished:not([hidden])').waitFor()
}

/** 管理 → 利用者管理 → 証明書失効, up to the page that asks for 確認用パスワード. */
export async function chooseForRevocation(
  walk: Walk,
  page: Page,
  who: { authority: string; loginId: string },
): Promise<void> {
  await page.goto(`https://${who.authority}/.sekisho/users`)
  await look(walk, page, `users-${who.loginId}`)
  await page.locator(`input[type=radio][value="${who.loginId}"]`).check()
  await page.locator('.bar button.danger').click()
  await page.locator('#password').waitFor()
  await look(walk, page, `revoke-${who.loginId}`)
}

/** 実行 with this confirmation password; the page that comes then. */
export async function execute(page: Page, password: string): Promise<void> {
  await page.fill('#password', password)
  await Promise.all([page.waitForEvent('load'), page.locator('main form[method=post] button.danger').click()])
}
