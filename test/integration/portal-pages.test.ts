// Goal: issuing in a real browser: its key, signing request, .p12 file, and what becomes of a reload and of a lost answer. Method: Debian's
// Chromium on the pages of the real server, which it reaches as if through a public door; acts in memory, OpenSSL reads the file.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page, type Route } from 'playwright-core'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { authorities, nowMs, startPortalFixture, workerLines } from '../portal/portal-fixture.ts'

const password = 'a fine password'
const folder = mkdtempSync(join(tmpdir(), 'sekisho-pages-'))
const fixture = await startPortalFixture()
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-sync', '--no-first-run'],
})
t.teardown(async () => {
  await browser.close()
  await fixture.close()
  rmSync(folder, { recursive: true, force: true })
})

const issueUrl = `https://${authorities.public}/.sekisho/issue`

/** Whether the next answer to a signing request is lost on its way back. */
let loseAnswer = false

async function forward(route: Route): Promise<void> {
  const asked = route.request()
  const url = new URL(asked.url())
  const sentHeaders = Object.entries(await asked.allHeaders()).filter(([name]) => !/^:|^content-length$/.test(name))
  const headers = { ...Object.fromEntries(sentHeaders), ...workerLines(fixture.acts, undefined), host: url.host }
  const { socketPath } = fixture
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: Record<string, string>
    body: Buffer
  }>()
  const sent = request(
    { socketPath, path: url.pathname + url.search, method: asked.method(), headers },
    async (response) => {
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part)
      const fields = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
      resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(fields), body: Buffer.concat(parts) })
    },
  )
  sent.on('error', reject)
  sent.end(asked.postDataBuffer() ?? undefined)
  const answer = await promise
  if (loseAnswer && url.pathname.endsWith('/request')) {
    loseAnswer = false
    return await route.abort('connectionreset')
  }
  await route.fulfill(answer)
}

async function openPage(
  locale: string,
  options: { javaScriptEnabled?: boolean } = {},
): Promise<{ page: Page; context: BrowserContext; faults: string[] }> {
  const context = await browser.newContext({ locale, ...options })
  context.setDefaultTimeout(15_000)
  await context.route('**/*', forward)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused/.test(message.text())) faults.push(message.text())
  })
  return { page, context, faults }
}

async function logIn(page: Page, loginId: string): Promise<void> {
  await page.goto(issueUrl)
  await page.fill('#login-id', loginId)
  await page.fill('#password', 'right')
  await page.click('main button[type=submit]')
  await page.waitForSelector('#windows')
}

async function pressIssue(page: Page): Promise<void> {
  if (!(await page.isVisible('#file-password'))) await page.click('#browser-way > summary')
  await page.fill('#file-password', password)
  await page.fill('#file-password-again', password)
  await page.click('#browser-issue')
}

async function saveFile(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), pressIssue(page)])
  const file = join(folder, name)
  await download.saveAs(file)
  return file
}

function certificateIn(file: string, kind: 'modern' | 'older' = 'modern'): X509Certificate {
  const legacy = kind === 'older' ? ['-legacy'] : []
  const text = execFileSync(
    'openssl',
    ['pkcs12', '-in', file, '-passin', `pass:${password}`, '-nodes', '-clcerts', ...legacy],
    {
      encoding: 'utf8',
    },
  )
  const certificate = new X509Certificate(
    /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0] ?? '',
  )
  t.match(text, /-----BEGIN PRIVATE KEY-----/)
  return certificate
}

t.test(
  'R7 R8 発行 in the browser: a reload and a lost answer give the same certificate, until the file is said to be saved',
  async (t) => {
    const { page, context, faults } = await openPage('ja-JP')
    await logIn(page, 'user09')
    loseAnswer = true
    await pressIssue(page)
    await page.waitForSelector('#browser-error:not([hidden])')
    t.match(await page.textContent('#browser-error'), '同じ電子証明書を受け取れます')
    const first = certificateIn(await saveFile(page, 'first.p12'))
    t.match(
      await page.textContent('#result-title'),
      'もう一度お渡しします',
      'it had been issued before the answer was lost',
    )
    t.equal(await page.textContent('#result-expiry'), '2027年10月1日')
    t.match(await page.getAttribute('#try', 'href'), /^https:\/\/bank\.example:8444\/\.sekisho\/try\?serial=/)

    await page.reload()
    await page.waitForSelector('#browser-status:not(:empty)')
    t.match(await page.textContent('#browser-status'), '途中の鍵が残っています')
    const again = certificateIn(await saveFile(page, 'again.p12'))
    t.equal(again.fingerprint256, first.fingerprint256)

    await page.click('#finish')
    await page.waitForSelector('#finished:not([hidden])')
    t.equal(await page.evaluate(countKeys), 0, 'the key is erased')
    t.same(faults, [])
    await context.close()
  },
)

t.test('R26 the older kind of file, and a page in English', async (t) => {
  const { page, context, faults } = await openPage('en-US')
  await logIn(page, 'user07')
  await page.click('#browser-way > summary')
  await page.check('input[value=older]')
  const certificate = certificateIn(await saveFile(page, 'older.p12'), 'older')
  t.match(certificate.subject, 'CN=user07')
  t.equal(await page.textContent('#result-title'), 'Your certificate has been issued')
  t.same(faults, [])
  await context.close()
})

t.test('passwords that differ or are short are said at once, and nothing is asked for', async (t) => {
  const { page, context } = await openPage('ja-JP')
  await logIn(page, 'user06')
  await page.click('#browser-way > summary')
  const before = fixture.acts.calls.length
  for (const [one, other, said] of [
    ['short', 'short', '8文字以上'],
    ['long enough', 'long enouhg', '一致していません'],
    ['パスワードは長い', 'パスワードは長い', '半角の英数字と記号だけ'],
  ] as const) {
    await page.fill('#file-password', one)
    await page.fill('#file-password-again', other)
    await page.click('#browser-issue')
    t.match(await page.textContent('#browser-error'), said)
  }
  t.equal(fixture.acts.calls.length, before)
  await context.close()
})

t.test('R8 a key whose time is over is erased by the next visit', async (t) => {
  const { page, context } = await openPage('ja-JP')
  await logIn(page, 'user05')
  await saveFile(page, 'late.p12')
  t.equal(await page.evaluate(countKeys), 1)
  const { lifecycle } = fixture.services
  const clock = lifecycle.nowMs
  Object.assign(lifecycle, { nowMs: () => nowMs + 600_000 })
  await page.reload()
  await page.waitForSelector('#browser-form:not([hidden])', { state: 'attached' })
  await eventually(
    () => page.evaluate(countKeys),
    (count) => count === 0,
  )
  Object.assign(lifecycle, { nowMs: clock })
  t.pass('erased')
  await context.close()
})

t.test(
  'R7 without JavaScript the recommended way and the command line work, and the page says what does not',
  async (t) => {
    const { page, context } = await openPage('ja-JP', { javaScriptEnabled: false })
    await logIn(page, 'user04')
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.best button')])
    t.equal(download.suggestedFilename(), 'sekisho-enrol.ps1')
    await page.click('summary:has-text("macOS")')
    await page.click('text=ワンタイムコードを表示')
    await page.waitForSelector('text=7K3M-Q9TB-2XWD-H5RC')
    await page.click('#browser-way > summary')
    t.match(await page.textContent('noscript'), 'JavaScript')
    await context.close()
  },
)

/** How many keys the browser keeps for this origin. */
const countKeys = `new Promise((resolve) => {
  const opening = indexedDB.open('sekisho-issue', 1)
  opening.onsuccess = () => {
    const counting = opening.result.transaction('keys').objectStore('keys').count()
    counting.onsuccess = () => resolve(counting.result)
  }
})`
