// Goal: what an operator sees on the live page: a refused login and a push as they happen, in both languages, on a desktop and on a phone,
// and that a lost connection is said and mended. Method: Debian's Chromium with an operator's certificate on a real gateway's admin door;
// what one gateway alone never tells comes from a stream written by the test.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { LiveSnapshot, LiveState } from '../../src/admin/live/live-message.ts'
import { claimBrowserPolicy, startBrowser } from '../helpers/browser.ts'
import { operatorOf } from '../helpers/clients.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { subjectOf, type TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { lookAtPage } from './browser/look-at-page.ts'

t.setTimeout(180_000)
const app = await TestUpstream.start()
app.answer('/', plainAnswer('ok'))
const gateway = await withGateway({ upstreamPort: app.port })
const policy = await claimBrowserPolicy()
const authority = `localhost:${gateway.ports.admin}`
const browser = await startOperatorBrowser()
t.teardown(async () => {
  await browser.close()
  policy.release()
  await gateway.stop()
  await app.stop()
})

async function startOperatorBrowser() {
  const [country, organization, name] = subjectOf('sato.hanako') as [never, never, never]
  const unit = { oid: '2.5.4.11', value: 'security' }
  const operator = gateway.operatorsCa.issueClient({
    commonName: 'sato.hanako',
    subject: [country, organization, unit, name],
  })
  const file = join(gateway.folder, 'operator.p12')
  writeFileSync(file, await operator.pkcs12('sekisho'))
  const rootCa = join(gateway.folder, 'server-root.pem')
  writeFileSync(rootCa, gateway.serverCaPem)
  return startBrowser({ policy, authorities: [authority], rootCa, certificates: [{ file, password: 'sekisho' }] })
}

/** The page, with what the browser had to complain about. */
async function openLive(options: Parameters<typeof browser.open>[0] = {}): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.open(options)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) faults.push(message.text())
  })
  t.equal((await page.goto(`https://${authority}/live/`))?.status(), 200)
  await page.locator('#alarms:visible').waitFor()
  return { page, faults }
}

async function logIn(certificate: TestCertificate): Promise<number> {
  const client = await RawClient.connect(gateway, { certificate })
  const { status } = await client.get('/').answer()
  client.close()
  return status
}

t.test('a refused login and a push appear as they happen, in both languages', async (t) => {
  const { page, faults } = await openLive()
  await page.locator('#table-gateways').getByText('最新').waitFor()
  t.match(await page.textContent('#alarms'), '異常はありません')
  t.ok(await page.locator('#table-refused').isHidden(), 'nobody was refused yet')

  const user = gateway.issuingCa.issueClient({ commonName: 'user02' })
  t.equal(await logIn(user), 200)
  const { status } = await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: user.serial }],
    reason: 'keyCompromise',
  })
  t.equal(status, 200)
  const push = page.locator('#table-pushes tbody tr').first()
  await push.getByText('全1台').waitFor()
  t.match(await push.textContent(), /失効1operator-01鍵の漏えい・紛失/)

  t.equal(await logIn(user), 403)
  const row = page.locator('#table-refused tbody tr').first()
  await row.waitFor()
  t.match(await row.textContent(), /失効済みuser02.*certificate127\.0\.0\.1/)
  t.match(await row.locator('a').last().getAttribute('href'), /^\/counter\/request\?id=/)
  await page.locator('#chart-reasons path').waitFor({ state: 'attached' })
  t.match(await page.getAttribute('#chart-reasons svg', 'aria-label'), '失効済み 1')
  t.match(await page.textContent('#chart-verdicts .legend'), /許可1拒否1/)
  t.match(await page.textContent('#table-revocations'), 'test-issuing-ca1')
  t.match(await lookAtPage(page, 'live'), { language: 'ja', fits: { desktop: true, phone: true } })

  await page.click('a.language')
  await page.locator('html[lang=en] #table-refused tbody tr').waitFor()
  t.match(await page.textContent('#table-refused tbody tr'), /revokeduser02/)
  t.match(await page.textContent('#table-pushes tbody tr'), /Revoked1operator-01key compromiseall 1/)
  t.match(await lookAtPage(page, 'live'), { language: 'en', fits: { desktop: true, phone: true } })
  t.same(faults, [])
  await page.context().close()
})

t.test('a lost connection is said, and mended by itself', async (t) => {
  const { page, faults } = await openLive({ locale: 'en-US' })
  await page.click('a.language')
  await page.locator('html[lang=en] #alarms:visible').waitFor()
  t.ok(await page.locator('#stream').isHidden())
  // As in a rolling restart: another process has the door, and gives it back.
  await gateway.gateway.release()
  await page.locator('#stream:visible').waitFor()
  t.match(await page.textContent('#stream'), /The connection to the gateway is lost; connecting again/)
  t.ok(await page.locator('#alarms').isHidden(), 'nobody is told that all is well, which nobody knows')
  t.match(await page.title(), /^\(lost\) Live status/)
  await gateway.gateway.takeBack()
  await page.locator('#stream').waitFor({ state: 'hidden', timeout: 30_000 })
  await page.locator('#alarms:visible').waitFor()
  t.match(await page.textContent('#alarms'), 'Nothing is wrong')
  t.match(await page.title(), /^Live status/)
  t.same(faults, [])
  await page.context().close()
})

t.test('it can be paused and read by keyboard', async (t) => {
  const { page } = await openLive({ viewport: 'phone' })
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate(() => document.activeElement?.getAttribute('href')), '#content', 'the way past the head')
  const pause = page.locator('#pause')
  await pause.press('Enter')
  t.equal(await pause.textContent(), '再開')
  t.match(await page.textContent('#paused'), /一時停止中です。数値と一覧は\d+:\d\d:\d\d時点のままです/)
  const before = await page.textContent('#tile-connections')
  const client = await RawClient.connect(gateway, {
    certificate: gateway.issuingCa.issueClient({ commonName: 'user03' }),
  })
  await client.get('/').answer()
  await pause.press('Enter')
  await page.waitForFunction((text) => document.querySelector('#tile-connections')?.textContent !== text, before)
  t.ok(await page.locator('#paused').isHidden())
  client.close()
  const names = await page.evaluate(() =>
    [...document.querySelectorAll('.scroll')].map((region) => region.getAttribute('aria-labelledby') ?? ''),
  )
  t.equal(names.filter((name) => name.startsWith('title-')).length, 8, 'every list that scrolls has a name')
  await page.context().close()
})

t.test('a name in a certificate is text, whatever it is made of', async (t) => {
  const loginId = '<img/src=x/onerror=alert(1)>'
  const user = gateway.issuingCa.issueClient({ commonName: loginId, notAfterMs: Date.now() - 86_400_000 })
  t.equal(await logIn(user), 403)
  const { page, faults } = await openLive()
  const cell = page.locator('#table-refused tbody tr').first().locator('td').nth(2)
  t.equal(await cell.textContent(), loginId)
  t.equal(await page.locator('#table-refused img').count(), 0)
  t.same(faults, [])
  await page.context().close()
})

/** The page, as it is when the stream says this state in place of the gateway's own; `next` says another. */
async function openTold(
  change: (state: LiveState) => LiveState,
): Promise<{ page: Page; next(now: typeof change): void }> {
  let told = change
  const page = await browser.open()
  const real = await snapshotOf(page)
  await page.route('**/v1/live', async (route) => {
    const data = JSON.stringify({ ...real, state: told(real.state) })
    await route.fulfill({ contentType: 'text/event-stream', body: `event: snapshot\ndata: ${data}\n\n` })
  })
  await page.goto(`https://${authority}/live/`)
  // A stream that is told whole ends, and the page asks again.
  await page.locator('#stream:visible').waitFor()
  return { page, next: (now) => (told = now) }
}

async function snapshotOf(page: Page): Promise<LiveSnapshot> {
  await page.goto(`https://${authority}/live/`)
  return page.evaluate(async () => {
    const response = await fetch('/v1/live')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const found = /event: snapshot\ndata: (.+)\n\n/.exec(text)
      if (found?.[1] !== undefined) {
        await reader?.cancel()
        return JSON.parse(found[1])
      }
      text += (await reader?.read())?.value ?? ''
    }
  })
}

const other = (at: number, behind: boolean) => ({
  ...{ gatewayId: `other-${at}`, name: `gw-${String(at).padStart(4, '0')}`, own: false, programVersion: '0.1.0' },
  ...{ state: 'live', version: 1, lagVersions: 0, dataAgeSeconds: 0.2, reportedSecondsAgo: 0.4, behind },
})

t.test('a store that is silent makes what it told of other gateways old and their state unknown', async (t) => {
  const tell = (heardSecondsAgo: number) => (state: LiveState) => {
    const own = state.gateways.list.filter((gateway) => gateway.own)
    return { ...state, gateways: { ...state.gateways, heardSecondsAgo, list: [...own, other(1, false)] } }
  }
  const { page, next } = await openTold(tell(0.3))
  const row = page.locator('#table-gateways tbody tr', { hasText: 'gw-0001' })
  await row.getByText('最新').waitFor()
  t.match(await row.textContent(), /0\.5秒前0\.7秒前$/)
  next(tell(60))
  await row.getByText('不明').waitFor()
  t.match(await row.textContent(), /60\.2秒前60\.4秒前$/)
  t.match(await page.locator('#table-gateways tbody tr').first().textContent(), /この画面のゲートウェイ.*最新/)
  await page.context().close()
})

t.test('a thousand gateways that are behind leave room for everything else', async (t) => {
  const { page, next } = await openTold((state) => ({
    ...state,
    gateways: {
      ...state.gateways,
      list: [...state.gateways.list, ...Array.from({ length: 1_000 }, (_, at) => other(at, at > 900))],
    },
    alarms: Array.from({ length: 99 }, (_, at) => ({
      code: 'gateway_behind' as const,
      grave: true,
      name: `gw-0${901 + at}`,
    })),
  }))
  const lines = page.locator('#alarms li')
  await lines.first().waitFor()
  t.equal(await lines.count(), 1)
  t.match(await lines.textContent(), /ゲートウェイがあります – gw-0901, .*gw-0905、ほか94件$/)
  const rows = page.locator('#table-gateways tbody tr')
  t.equal(await rows.count(), 100)
  t.match(await rows.nth(1).textContent(), /^gw-0901/, 'those that are behind come first')
  t.equal(await page.textContent('#note-gateways'), 'このほか901台（問題のないものから省略）')
  t.match(await page.title(), /^【/)

  await page.click('#pause')
  const { marker } = await page.evaluate(() => ({
    marker: document.querySelectorAll('#table-gateways tbody tr').length,
  }))
  next((state) => ({ ...state, alarms: [{ code: 'upstream_down', grave: true, name: 'app' }] }))
  await page.locator('#alarms').getByText('転送先のサーバがすべて使えません – app').waitFor()
  t.equal(await rows.count(), marker, 'what is wrong is told while the lists stand still')
  await page.context().close()
})

t.test('after an upgrade the page comes anew, but not while it is paused', async (t) => {
  const { page, next } = await openTold((state) => ({ ...state, version: '0.1.0' }))
  await page.evaluate(() => document.body.setAttribute('data-kept', ''))
  await page.click('#pause')
  next((state) => ({ ...state, version: '0.2.0', alarms: [{ code: 'upstream_down', grave: true, name: 'app' }] }))
  await page.locator('#alarms').getByText('転送先のサーバがすべて使えません').waitFor()
  t.equal(await page.locator('body[data-kept]').count(), 1)
  await page.click('#pause')
  await page.locator('body:not([data-kept])').waitFor()
  await page.locator('#gateway').getByText('0.2.0').waitFor()
  await page.context().close()
})

t.test('why the stream does not come is told as it is', async (t) => {
  const page = await browser.open()
  let answer = { status: 503, code: 'admin_viewers_limit' }
  await page.route('**/v1/live', (route) =>
    route.fulfill({
      status: answer.status,
      contentType: 'application/problem+json',
      body: JSON.stringify({ code: answer.code }),
    }),
  )
  await page.goto(`https://${authority}/live/`)
  await page.locator('#stream').getByText('見ている人が多すぎます').waitFor()
  answer = { status: 503, code: 'store_unavailable' }
  await page.locator('#stream').getByText('通信が途切れました').waitFor()
  answer = { status: 403, code: 'admin_role_missing' }
  await page.locator('#stream').getByText('担当者の証明書が認められていません').waitFor()
  await page.unroute('**/v1/live')
  await page.locator('#alarms').getByText('異常はありません').waitFor({ timeout: 30_000 })
  t.ok(await page.locator('#stream').isHidden())
  await page.context().close()
})
