// Goal: a certificate's whole life as a user and a master see it, in both languages: 発行, first login, 更新, the old one until the new one is
// used, 失効 by the master, 発行 again; and a master's own 失効 (R15).
// Method: the demo as a child process; Debian's Chromium with its own certificate store, filled from the files that the pages gave.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { demoPasswords } from '../../src/demo/demo-people.ts'
import { ensureDemoPki } from '../../src/demo/demo-pki.ts'
import { certificateWords } from '../../src/portal/certificate-words.ts'
import { textsEn } from '../../src/portal/texts-en.ts'
import { textsJa } from '../../src/portal/texts-ja.ts'
import { usersWords } from '../../src/portal/users-words.ts'
import type { DenialReason } from '../../src/trust/denial.ts'
import { type BrowserCertificate, claimBrowserPolicy, startBrowser, type TestBrowser } from '../helpers/browser.ts'
import { eventually } from '../helpers/eventually.ts'
import { startDemoGateway } from './browser/demo-gateway.ts'
import {
  authenticate,
  chooseForRevocation,
  execute,
  finish,
  type Locale,
  look,
  type Obtained,
  obtainInBrowser,
  type Walk,
} from './certificate-walk.ts'

const pki = await ensureDemoPki({
  folder: join(resolve(import.meta.dirname, '../..'), 'certs', 'demo'),
  clock: systemClock,
})
const policy = await claimBrowserPolicy()
const demo = await startDemoGateway()
const folder = mkdtempSync(join(tmpdir(), 'sekisho-life-'))
const { authority } = demo
const door = `https://${authority.certificate}/`

// Under a minute by itself; a machine that runs other things too may take longer over the browsers.
t.setTimeout(180_000)
t.teardown(async () => {
  policy.release()
  rmSync(folder, { recursive: true, force: true })
  await demo.stop()
})

/** One PC. Wherever it is asked for a certificate it offers the one that was issued last. */
async function startPc(st: Test, certificates: readonly BrowserCertificate[], http2 = true): Promise<TestBrowser> {
  const authorities = [authority.certificate, authority.alternate]
  const pc = await startBrowser({ policy, authorities, rootCa: pki.files.rootCa, certificates, http2 })
  st.teardown(() => pc.close())
  return pc
}

const languageOf = (locale: Locale) => (locale === 'ja-JP' ? 'ja' : 'en')
const denialOf = (reason: DenialReason, locale: Locale) => (locale === 'ja-JP' ? textsJa : textsEn).denial[reason]

function certificateOf(loginId: string): BrowserCertificate {
  const user = pki.users.find((known) => known.loginId === loginId)
  if (user === undefined) throw new Error(`No certificate of ${loginId}`)
  return { file: user.files.pkcs12, password: demoPasswords.pkcs12 }
}

async function logIn(page: Page, loginId: string): Promise<void> {
  await page.goto(door)
  await page.fill('#password', demoPasswords.login)
  await page.locator('form[action="/login"] button').click()
  await page.getByText(loginId, { exact: true }).waitFor()
}

/** Goes where a link leads and gives the status of the answer. */
async function follow(page: Page, selector: string): Promise<number | undefined> {
  const [response] = await Promise.all([
    page.waitForResponse((answer) => answer.request().isNavigationRequest()),
    page.locator(selector).click(),
  ])
  await page.waitForLoadState()
  return response.status()
}

async function heading(page: Page): Promise<string | null> {
  return await page.locator('h1:visible').textContent()
}

// Nobody has issued user07 a certificate before; user05's has expired (R9).
for (const [locale, loginId] of [
  ['ja-JP', 'user07'],
  ['en-US', 'user05'],
] as const) {
  t.test(`R7 R16 R20 R14 the life of a certificate, from 発行 to 失効 and 発行 again: ${locale}`, async (st) => {
    const walk: Walk = { locale, looks: [], folder }
    const words = certificateWords[languageOf(locale)]
    const masterWords = usersWords[languageOf(locale)]
    const who = { authority: authority.public, loginId, password: demoPasswords.login }
    const pc = await startPc(st, [])
    const page = await pc.open({ locale })

    // 発行.
    await page.goto(`https://${authority.public}/.sekisho/login`)
    await look(walk, page, 'login')
    await authenticate(page, who)
    const first = await obtainInBrowser(walk, page, 'issue')
    const issuedAtMs = systemClock.nowMs()
    await pc.install(first)
    await finish(page)
    st.equal(await follow(page, '#try'), 200)
    st.equal(new URL(page.url()).host, authority.alternate)
    await look(walk, page, 'try')
    st.equal(await heading(page), words.tryTitle)
    st.match(await page.locator('main:visible').textContent(), first.serial)
    await logIn(page, loginId)
    await look(walk, page, 'logged-in')

    // 更新, with the old certificate still good. Of two that end in the same second a browser picks any.
    await eventually(
      () => systemClock.nowMs(),
      (nowMs) => Math.floor(nowMs / 1_000) > Math.floor(issuedAtMs / 1_000),
    )
    await page.goto(`${door}.sekisho/renew`)
    await look(walk, page, 'renew')
    const second = await obtainInBrowser(walk, page, 'renew')
    st.not(second.serial, first.serial)
    await pc.install(second)
    await finish(page)
    st.equal(await follow(page, '#try'), 200)
    await look(walk, page, 'try-old')
    st.equal(await heading(page), words.tryOtherTitle, 'the browser remembers its choice, and the page says so (R13)')
    st.equal((await page.goto(door))?.status(), 200, 'R20 the old certificate is good until the new one is used')

    // The first use of the new one. Chromium's policy picks any of one name, and a user the new one: here the only one there is.
    const anew = await (await startPc(st, [second])).open({ locale })
    const tryUrl = `https://${authority.alternate}/.sekisho/try?serial=${second.serial.toLowerCase()}`
    st.equal((await anew.goto(tryUrl))?.status(), 200)
    st.equal(await heading(anew), words.tryTitle)
    st.match(await anew.locator('main:visible').textContent(), second.serial)
    await logIn(anew, loginId)
    st.equal((await page.goto(door))?.status(), 403, 'R20 and then it is superseded')
    await look(walk, page, 'superseded')
    st.equal(await heading(page), denialOf('certificate_superseded', locale).title)
    st.match(
      await page.locator('main:visible').textContent(),
      first.serial,
      'R13 the page names the certificate that was used',
    )

    // 失効 by the master.
    const master = await (await startPc(st, [certificateOf('master01')])).open({ locale })
    await chooseForRevocation(walk, master, { authority: authority.certificate, loginId })
    await execute(master, 'not the password')
    await look(walk, master, 'confirmation-wrong')
    st.equal(await heading(master), masterWords.confirmTitle)
    st.equal((await anew.goto(door))?.status(), 200, 'nothing is revoked with a wrong confirmation password')
    await execute(master, demoPasswords.confirmation)
    await master.waitForURL(`${door}.sekisho/users?revoked=${loginId}`)
    await look(walk, master, 'revoked-by-master')
    st.match(await master.locator('[role=status]').textContent(), loginId)
    st.equal((await anew.goto(door))?.status(), 403)
    await look(walk, anew, 'revoked')
    st.equal(await heading(anew), denialOf('certificate_revoked', locale).title)

    // 発行 again (R16): from the refusal page to the issue page.
    await anew.locator(`a[href="https://${authority.public}/.sekisho/issue"]:visible`).first().click()
    await authenticate(anew, who)
    const third = await obtainInBrowser(walk, anew, 'issue-again')
    st.notOk([first.serial, second.serial].includes(third.serial))
    await pc.install(third)
    await finish(anew)
    const last = await (await startPc(st, [third])).open({ locale })
    await logIn(last, loginId)
    await last.goto(`${door}.sekisho/certificate`)
    await look(walk, last, 'certificate')
    st.match(await last.locator('main:visible').textContent(), third.serial)
    st.same(
      walk.looks.filter(({ faults }) => faults.length > 0),
      [],
      'every page fits a desktop and a phone, in its language',
    )
  })
}

let mastersOwn = certificateOf('master01')

for (const [locale, protocol] of [
  ['ja-JP', 'h2'],
  ['en-US', 'http/1.1'],
] as const) {
  t.test(
    `R15 a master revokes their own certificate, reads the result, and obtains another: ${locale} ${protocol}`,
    async (st) => {
      const walk: Walk = { locale, looks: [], folder }
      const words = usersWords[languageOf(locale)]
      const loginId = 'master01'
      const pc = await startPc(st, [mastersOwn], protocol === 'h2')
      const page = await pc.open({ locale })
      await chooseForRevocation(walk, page, { authority: authority.certificate, loginId })
      st.equal(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), protocol)
      st.match(await page.locator('main:visible').textContent(), words.ownWarning, 'warned first')
      await execute(page, demoPasswords.confirmation)
      await look(walk, page, 'own-revoked')
      st.equal(await heading(page), words.ownDoneTitle)
      const issueLink = page.locator('main dl a')
      const tab = await page.context().newPage()
      st.equal((await tab.goto(door))?.status(), 403)
      st.equal(await heading(tab), denialOf('certificate_revoked', locale).title)

      await issueLink.click()
      await authenticate(page, { authority: authority.public, loginId, password: demoPasswords.login })
      const obtained: Obtained = await obtainInBrowser(walk, page, 'own-issue')
      mastersOwn = obtained
      await pc.install(obtained)
      await finish(page)
      await logIn(await (await startPc(st, [obtained])).open({ locale }), loginId)
      st.same(
        walk.looks.filter(({ faults }) => faults.length > 0),
        [],
      )
    },
  )
}
