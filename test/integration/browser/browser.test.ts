// Goal: what a user sees of the door in real Chromium: login, every denial page, choosing another certificate, being cut.
// Method: the demo as a child process; Debian's Chromium with its own certificate store, its chooser answered by policy (one file:
// the policy is machine-wide).
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { type FaultCode, faults } from '../../../src/base/errors.ts'
import { parseConfig } from '../../../src/config/load-config.ts'
import { demoConfigText } from '../../../src/demo/demo-config.ts'
import { demoPasswords } from '../../../src/demo/demo-people.ts'
import { ensureDemoPki } from '../../../src/demo/demo-pki.ts'
import { createPages, faultPageOf } from '../../../src/portal/pages.ts'
import { textsEn } from '../../../src/portal/texts-en.ts'
import { textsJa } from '../../../src/portal/texts-ja.ts'
import { type DenialReason, denialReasons, deny } from '../../../src/trust/denial.ts'
import { oids } from '../../../src/x509/oids.ts'
import {
  type BrowserCertificate,
  type Choices,
  claimBrowserPolicy,
  startBrowser,
  type TestBrowser,
} from '../../helpers/browser.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startDemoGateway } from './demo-gateway.ts'
import { lookAtPage } from './look-at-page.ts'
import { createMint, type MintOptions } from './mint-certificate.ts'

const locales = ['ja-JP', 'en-US'] as const
const fits = { desktop: true, phone: true }
const root = resolve(import.meta.dirname, '../../..')

const pki = await ensureDemoPki({ folder: join(root, 'certs', 'demo'), clock: systemClock })
const policy = await claimBrowserPolicy()
const demo = await startDemoGateway()
const { folder: mintFolder, mint } = createMint(pki)
const door = `https://${demo.authority.certificate}/`
const alternate = `https://${demo.authority.alternate}/`
const publicDoor = `https://${demo.authority.public}/`

// Under a minute by itself; a machine that runs the whole suite at once may take longer over a dozen browsers.
t.setTimeout(240_000)
t.teardown(async () => {
  policy.release()
  rmSync(mintFolder, { recursive: true, force: true })
  await demo.stop()
})

/** A browser of this subtest, closed with it. */
async function browserWith(
  st: Test,
  options: { certificates: readonly BrowserCertificate[]; choices?: Choices; http2?: boolean },
): Promise<TestBrowser> {
  const authorities = [demo.authority.certificate, demo.authority.alternate]
  const browser = await startBrowser({ policy, authorities, rootCa: pki.files.rootCa, ...options })
  st.teardown(() => browser.close())
  return browser
}

const certificateOf = (loginId: string): BrowserCertificate => {
  const user = pki.users.find((known) => known.loginId === loginId)
  if (user === undefined) throw new Error(`No certificate of ${loginId}`)
  return { file: user.files.pkcs12, password: demoPasswords.pkcs12 }
}

const titleOf = (reason: DenialReason, locale: (typeof locales)[number]) =>
  (locale === 'ja-JP' ? textsJa : textsEn).denial[reason].title

async function logIn(page: Page, loginId: string): Promise<void> {
  await page.goto(door)
  await page.fill('#password', demoPasswords.login)
  await page.locator('form[action="/login"] button').click()
  await page.getByText(loginId, { exact: true }).waitFor()
}

/** Resolves when the events feed of the open page has shown the next tick. */
async function seeTick(page: Page): Promise<void> {
  const state = page.locator('#feed-state:not(.off)')
  const before = await state.textContent()
  const isNext = (text: string | null) => text !== before && /\d:\d\d:\d\d/.test(text ?? '')
  await eventually(() => state.textContent(), isNext)
}

/** Resolves when the exchange rate feed of the open page has shown the next rates. */
async function seeRates(page: Page): Promise<void> {
  await page.locator('#ticker-state:not(.off):not(:empty)').waitFor()
  const time = () => page.locator('#ticker-time').textContent()
  const before = await time()
  await eventually(time, (text) => text !== before)
}

for (const protocol of ['h2', 'http/1.1'] as const) {
  t.test(`the top page with its events feed and its WebSocket works over ${protocol}`, async (st) => {
    const pc = await browserWith(st, { certificates: [certificateOf('user01')], http2: protocol === 'h2' })
    const page = await pc.open()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    const sockets: string[] = []
    page.on('websocket', (socket) => sockets.push(socket.url()))
    await logIn(page, 'user01')
    const spoken = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    st.equal(await page.evaluate(spoken), protocol)
    await Promise.all([seeTick(page), seeRates(page)])
    st.same(sockets, [`wss://${demo.authority.certificate}/ticker`])
    st.same(complaints, [], 'nothing that the page’s policy forbids')
    st.match(await lookAtPage(page, `top-${protocol.replace('/', '-')}`), { fits })
  })
}

t.test(
  'a certificate-mode user logs in: the login ID stands there, only the password is asked (R1, R24)',
  async (st) => {
    const pc = await browserWith(st, { certificates: [certificateOf('user01')] })
    for (const locale of locales) {
      const page = await pc.open({ locale })
      const response = await page.goto(door)
      st.equal(response?.status(), 200)
      const loginId = page.getByLabel(locale === 'ja-JP' ? 'ログインID' : 'Login ID', { exact: true })
      st.equal(await loginId.inputValue(), 'user01')
      st.equal(await loginId.isEditable(), false, 'the login ID cannot be changed')
      st.match(await lookAtPage(page, 'certificate-login'), { language: locale.slice(0, 2), fits })

      await page.fill('#password', 'wrong')
      await page.locator('form[action="/login"] button').click()
      await page.locator('.wrong').waitFor()
      st.match(await lookAtPage(page, 'wrong-password'), { fits })

      await page.fill('#password', demoPasswords.login)
      await page.keyboard.press('Enter')
      await page.getByText('user01', { exact: true }).waitFor()
      st.match(await page.title(), '佐々木 恵')
      await Promise.all([seeTick(page), seeRates(page)])
      st.match(await lookAtPage(page, 'top'), { language: locale.slice(0, 2), fits })

      const [cookie] = (await page.context().cookies()).filter(({ name }) => name === 'BANKSESSION')
      st.match(
        cookie,
        { value: /^s1\./, httpOnly: true, secure: true, sameSite: 'Lax' },
        'the session cookie is sealed',
      )
      await page.goto(publicDoor)
      st.equal(await page.locator('.cards .main').count(), 3, 'on the public door the session counts for nothing')
      await page.goto(door)
      await page.getByText('user01', { exact: true }).waitFor()
      await page.locator('form[action="/logout"] button').click()
      await page.locator('#password').waitFor()
    }
  },
)

t.test('a session cookie is worth nothing with another certificate (R2)', async (st) => {
  const choices = { [demo.authority.certificate]: 'user01', [demo.authority.alternate]: 'user03' }
  const pc = await browserWith(st, { certificates: [certificateOf('user01'), certificateOf('user03')], choices })
  const page = await pc.open()
  await logIn(page, 'user01')
  // Cookies ignore ports: the browser sends user01's cookie here too, with user03's certificate.
  await page.goto(alternate)
  st.equal(await page.locator('#loginId').inputValue(), 'user03')
  await page.goto(door)
  await page.getByText('user01', { exact: true }).waitFor()
})

type Denied = {
  readonly name: string
  readonly reason: DenialReason
  /** The certificates on the PC: demo users' or minted. */
  readonly has: readonly (string | MintOptions)[]
}

const probe = { commonName: 'probe01' }
const fromTomorrow = { ...probe, notBeforeMs: systemClock.nowMs() + 86_400_000 }
const forServers = { ...probe, extendedKeyUsage: [oids.serverAuth] }
const fromStranger = { ...probe, signedBy: 'stranger' } as const
const unknownExtension = { oid: '1.3.6.1.4.1.99999.1', critical: true, valueDer: Uint8Array.of(5, 0) }

// Chromium keeps back what it can tell to be of no use at this door: user05's expired certificate, one not yet valid, one for another
// purpose, one from a CA that the door does not ask for. Their users arrive without a certificate (R9).
const denied: readonly Denied[] = [
  { name: 'no certificate', reason: 'certificate_missing', has: [] },
  { name: 'none offered', reason: 'certificate_missing', has: ['user05', fromTomorrow, forServers, fromStranger] },
  {
    name: 'a critical extension',
    reason: 'certificate_unreadable',
    has: [{ ...probe, otherExtensions: [unknownExtension] }],
  },
  { name: 'a CA of the same name', reason: 'issuer_not_trusted', has: [{ ...probe, signedBy: 'impostor' }] },
  { name: 'a weak key', reason: 'key_too_weak', has: [{ ...probe, keyKind: 'rsa1024' }] },
  { name: 'revoked', reason: 'certificate_revoked', has: ['user06'] },
  { name: 'no login ID', reason: 'login_id_missing', has: [{ commonName: undefined }] },
  { name: 'an unknown login ID', reason: 'login_id_unknown', has: [{ commonName: 'nobody01' }] },
  { name: 'a password-mode contract', reason: 'contract_not_in_certificate_mode', has: [{ commonName: 'pass01' }] },
]

for (const { name, reason, has } of denied) {
  t.test(`denied with its page in both languages: ${name}`, async (st) => {
    const certificates = await Promise.all(has.map((one) => (typeof one === 'string' ? certificateOf(one) : mint(one))))
    const pc = await browserWith(st, { certificates })
    for (const locale of locales) {
      const page = await pc.open({ locale })
      const response = await page.goto(door)
      st.equal(response?.status(), 403)
      const heading = titleOf(reason, locale)
      st.same(await lookAtPage(page, reason), { language: locale.slice(0, 2), heading, fits })
      const requestId = (await page.locator('dd .code:visible').textContent()) || 'no request id'
      await eventually(demo.auditLog, (log) => log.includes(requestId) && log.includes(reason))
      st.equal(await page.locator(`a[href="${alternate}"]:visible`).count(), 1, 'leads to where the browser asks again')
    }
  })
}

t.test('a user without a certificate is told the usual causes and led to the issue page (R9)', async (st) => {
  const pc = await browserWith(st, { certificates: [] })
  const page = await pc.open()
  await page.goto(door)
  const causes = page.locator('.causes li:visible')
  st.equal(await causes.count(), textsJa.denial.certificate_missing.causes?.length)
  st.match(await causes.first().textContent(), '有効期限が切れている', 'the commonest cause comes first')
  await page.getByRole('link', { name: textsEn.words.thisLanguage }).click()
  st.equal(
    await page.locator('h1:visible').textContent(),
    titleOf('certificate_missing', 'en-US'),
    'the other language, without script',
  )
  await page.getByRole('link', { name: textsJa.words.thisLanguage }).click()
  await page.getByRole('link', { name: textsJa.words.chooseOne }).click()
  await page.waitForURL(alternate)
  st.equal(await page.locator(`a[href="${door}"]:visible`).count(), 1, 'and back, where the browser asks again')
  await page.getByRole('link', { name: textsJa.words.issue }).click()
  await page.waitForURL(`${publicDoor}.sekisho/issue`)
  st.equal(await page.locator('h1').textContent(), '電子証明書発行')
})

t.test('a certificate that expires while the browser is open is denied at its next request (R9)', async (st) => {
  const lifeMs = 6_000
  const certificate = await mint({ commonName: 'probe01', notAfterMs: systemClock.nowMs() + lifeMs })
  const pc = await browserWith(st, { certificates: [certificate] })
  for (const page of await Promise.all(locales.map((locale) => pc.open({ locale })))) {
    const response = await page.goto(door)
    st.equal(response?.status(), 200, 'let in before')
  }
  const pages = pc.browser.contexts().flatMap((context) => context.pages())
  for (const [index, locale] of locales.entries()) {
    const page = pages[index] as Page
    const status = async () => (await page.reload())?.status()
    await eventually(status, (seen) => seen === 403, lifeMs + 2_000)
    const heading = titleOf('certificate_expired', locale)
    st.same(await lookAtPage(page, 'certificate_expired'), { language: locale.slice(0, 2), heading, fits })
    await page.locator(`a[href="${publicDoor}.sekisho/issue"]:visible`).click()
    await page.waitForURL(`${publicDoor}.sekisho/issue`)
  }
})

t.test('choosing another certificate works at the alternate authority, and nowhere else (R4, R13)', async (st) => {
  const { certificate: first, alternate: second } = demo.authority
  const certificates = [certificateOf('user01'), certificateOf('user06')]
  const pc = await browserWith(st, { certificates, choices: { [first]: 'user06', [second]: 'user06' } })
  const page = await pc.open()
  await page.goto(door)
  st.match(await page.title(), titleOf('certificate_revoked', 'ja-JP'))

  // From now on the user would pick user01, but the browser does not ask where it has been told once.
  await pc.pickInstead({ [first]: 'user01', [second]: 'user01' })
  for (const tab of [page, await page.context().newPage()]) {
    // The door closes a denied connection, so each of these is a new handshake.
    await tab.goto(door)
    st.match(
      await tab.title(),
      titleOf('certificate_revoked', 'ja-JP'),
      'the browser still shows the certificate chosen first',
    )
  }
  await page.getByRole('link', { name: textsJa.words.chooseAnother }).click()
  await page.waitForURL(alternate)
  st.equal(await page.locator('#loginId').inputValue(), 'user01', 'asked again, and let in')
  await page.goto(door)
  st.match(
    await page.title(),
    titleOf('certificate_revoked', 'ja-JP'),
    'the first choice is still remembered at its own place',
  )

  const newWindow = await pc.open()
  await newWindow.goto(door)
  st.equal(
    await newWindow.locator('#loginId').inputValue(),
    'user01',
    'a browser session without memory asks at the same place',
  )
})

t.test('a revocation cuts the open page of its user; another user stays connected (R19)', async (st) => {
  const other = await (await browserWith(st, { certificates: [certificateOf('user01')] })).open()
  const page = await (await browserWith(st, { certificates: [certificateOf('user02')] })).open()
  await logIn(other, 'user01')
  await logIn(page, 'user02')
  await Promise.all([seeTick(other), seeTick(page), seeRates(other), seeRates(page)])

  st.match(await demo.command('revoke', '--login-id', 'user02', '--apply'), 'Revoked 1 certificate')
  await page.locator('#feed-state.off').waitFor()
  await page.locator('#ticker-state.off').waitFor()
  await page.getByText('切断されました').waitFor()
  await page.getByText('接続が終了しました').waitFor()
  st.match(await lookAtPage(page, 'top-after-revocation'), { fits })
  await page.reload()
  st.match(await page.title(), titleOf('certificate_revoked', 'ja-JP'))

  await Promise.all([seeTick(other), seeRates(other)])
  await other.reload()
  await other.getByText('user01', { exact: true }).waitFor()
})

t.test('the login top page has the three ways in (R27)', async (st) => {
  const pc = await browserWith(st, { certificates: [certificateOf('user01')] })
  for (const locale of locales) {
    const page = await pc.open({ locale })
    const own = ['.sekisho/login', '.sekisho/issue', '.sekisho/help']
    for (const path of ['', 'login', 'issue', 'help', 'renew', ...own]) {
      const response = await page.goto(`${publicDoor}${path}`)
      st.equal(response?.status(), 200)
      const look = await lookAtPage(page, path === '' ? 'public-top' : `public-${path.replace('.sekisho/', 'own-')}`)
      st.match(look, { language: locale.slice(0, 2), fits })
    }
    await page.goto(publicDoor)
    const ways = page.locator('.cards .main')
    const links = await ways.locator('a').evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href))
    st.same(links, [door, `${publicDoor}login`, `${publicDoor}.sekisho/issue`])
    await ways.locator('a').first().click()
    await page.waitForURL(door)
    st.equal(await page.locator('#loginId').inputValue(), 'user01')
  }
})

t.test(
  'ID and password: let in for a password-mode contract, refused for a certificate-mode one (R21, R22)',
  async (st) => {
    const pc = await browserWith(st, { certificates: [certificateOf('user01')] })
    for (const locale of locales) {
      const page = await pc.open({ locale })
      const submit = async (loginId: string) => {
        await page.goto(`${publicDoor}login`)
        await page.fill('#loginId', loginId)
        await page.fill('#password', demoPasswords.login)
        await page.keyboard.press('Enter')
      }
      await submit('pass01')
      await page.getByText('pass01', { exact: true }).waitFor()
      await seeTick(page)
      st.match(await lookAtPage(page, 'top-password'), { fits })
      await page.locator('form[action="/logout"] button').click()
      await page.waitForURL(publicDoor)

      await submit('user01')
      const wayIn = page.locator(`a.button[href="${door}"]:visible`)
      await wayIn.waitFor()
      st.match(await lookAtPage(page, 'certificate-mode'), { fits })
      await wayIn.click()
      await page.waitForURL(door)
      st.equal(await page.locator('#loginId').inputValue(), 'user01')
    }
  },
)

t.test('every page of the gateway fits a desktop and a phone in both languages', async (st) => {
  const pc = await browserWith(st, { certificates: [] })
  const page = await pc.open()
  for (const locale of locales) {
    for (const [name, body] of ownPages(locale)) {
      await page.setContent(body)
      st.match(await lookAtPage(page, name), { language: locale.slice(0, 2), fits }, `${name} ${locale}`)
    }
  }
})

/** Pages that the demo has no occasion to show are laid out all the same, with the longest certificate data shown. */
function ownPages(locale: string): [name: string, body: string][] {
  const text = demoConfigText({ files: pki.files, folder: root, offset: 0 })
  const { config } = parseConfig(text, { env: {}, clock: systemClock, folder: root, source: 'the demo' })
  const pages = createPages(config.institution, { timeZone: config.timeZone })
  const request = { requestId: 'f'.repeat(32), accept: 'text/html', acceptLanguage: locale }
  const wide = 'W'.repeat(64)
  const certificate = { serial: 'f'.repeat(40), subjectCommonName: wide, issuerCommonName: wide, notAfterMs: 0 }
  const where = {
    authority: 'localhost:8443',
    alternateAuthorities: ['localhost:8444', `${'w'.repeat(63)}.example:8444`],
  }
  const shown = denialReasons.map((reason): [string, string] => {
    const page = pages.denial({ ...request, ...where, denial: deny(reason, '', certificate) })
    return [`own-${reason}`, page.body]
  })
  const codes = new Map(Object.keys(faults).map((code) => [faultPageOf(code as FaultCode), code as FaultCode]))
  for (const [status, code] of codes) shown.push([`own-${status}`, pages.fault({ ...request, code }).body])
  return shown
}
