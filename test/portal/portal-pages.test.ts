// Goal: the users' pages as they are sent: both languages, strict headers, sound HTML, who may open what. Method: ask the real server on
// its socket as a data worker would, with acts in memory.
import t, { type Test } from 'tap'
import { faults, GatewayError } from '../../src/base/errors.ts'
import { portalFaultCodes } from '../../src/portal/fault-words.ts'
import { portalRoutes } from '../../src/portal/portal-routes.ts'
import { type Answer, authorities, startPortalFixture } from './portal-fixture.ts'

const fixture = await startPortalFixture()
t.teardown(() => fixture.close())
const master = fixture.visitor('user01', 'master')
const general = fixture.visitor('user03', 'general', 12)
const { ask, acts } = fixture

const publicPages = ['/.sekisho/login', '/.sekisho/issue', '/.sekisho/help']
const certificatePages = [
  '/.sekisho/login',
  '/.sekisho/help',
  '/.sekisho/certificate',
  '/.sekisho/renew',
  '/.sekisho/try',
  '/.sekisho/users',
  '/.sekisho/users/revoke?user=user02',
  '/.sekisho/users/revoke?user=user01',
]

t.test('every page is sound HTML with strict headers, in both languages', async (t) => {
  for (const language of ['ja', 'en']) {
    const headers = { 'accept-language': language }
    for (const path of publicPages) checkPage(t, await ask(path, { headers }), { path, language })
    for (const path of certificatePages) checkPage(t, await ask(path, { headers, as: master }), { path, language })
  }
})

function checkPage(t: Test, { status, headers, body }: Answer, { path, language }: { path: string; language: string }) {
  t.equal(status, 200, path)
  t.match(
    headers['content-security-policy'],
    /^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
  )
  t.match(headers, {
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  })
  t.match(body, new RegExp(`^<!doctype html>\\n<html lang="${language}">`))
  t.notMatch(
    body,
    /\sstyle=|<script>|\son[a-z]+=|undefined|\[object|\{[a-z]+\}/i,
    `${path}: nothing inline, nothing unfilled`,
  )
  t.equal(body.match(/<h1>/g)?.length, 1, `${path}: one main heading`)
  const ids = [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  t.equal(new Set(ids).size, ids.length, `${path}: ids are used once`)
  for (const [, id] of body.matchAll(/(?: for| aria-labelledby| aria-describedby|href="#| form)="?#?([a-z-]+)"/g)) {
    if (id !== undefined) t.ok(ids.includes(id), `${path}: ${id} is there`)
  }
  checkNesting(t, body, path)
  t.notMatch(body, /ユーザー|サーバー|ブラウザー/, path)
}

/** Every element is closed where it was opened. */
function checkNesting(t: Test, body: string, path: string): void {
  const open: string[] = []
  const empty = new Set(['meta', 'link', 'input', 'br', '!doctype'])
  for (const [, end, name = ''] of body.matchAll(/<(\/?)([a-z!][a-z0-9]*)[^>]*>/gi)) {
    if (empty.has(name)) continue
    if (end === '') open.push(name)
    else t.equal(open.pop(), name, `${path}: </${name}>`)
  }
  t.same(open, [], `${path}: all is closed`)
}

t.test(
  'R27 the login page has the three ways in, contact and hours, environments, and says that there is no fee',
  async (t) => {
    const { body } = await ask('/.sekisho/login')
    t.match(body, /電子証明書方式のお客様[\s\S]+href="https:\/\/bank\.example:8443\/"[^>]*>ログイン</)
    t.match(body, /ID・パスワード方式のお客様[\s\S]+href="\/login"[^>]*>ログイン</)
    t.match(body, /href="\/\.sekisho\/issue">電子証明書発行</)
    t.match(body, /0120-000-000[\s\S]+平日 9:00/)
    t.match(body, /Windows 11[\s\S]+新たな手数料はございません/)
    const inside = await ask('/.sekisho/login', { as: master })
    t.match(
      inside.body,
      'href="https://bank.example:8442/.sekisho/issue"',
      'from the other door it leads to the public one',
    )
  },
)

t.test('the language is kept by a cookie, and the link to the other one keeps the place', async (t) => {
  const chosen = await ask('/.sekisho/users?q=user&sort=expiry&lang=en', { as: master })
  t.match(chosen.headers['set-cookie'], /^sekisho_lang=en; .*Secure; HttpOnly; SameSite=Lax/)
  t.match(chosen.body, 'href="/.sekisho/users?q=user&amp;sort=expiry&amp;lang=ja" lang="ja"')
  const later = await ask('/.sekisho/login', { headers: { cookie: 'sekisho_lang=en', 'accept-language': 'ja' } })
  t.match(later.body, '<html lang="en">')
  t.equal(later.headers['set-cookie'], undefined)
})

t.test('pages of the certificate door are not on the public one, and the other way round', async (t) => {
  for (const path of ['/.sekisho/certificate', '/.sekisho/users', '/.sekisho/renew', '/.sekisho/notice.js']) {
    t.equal((await ask(path)).status, 404, path)
    t.equal((await ask(path, { as: master })).status, 200, path)
  }
  t.equal((await ask('/.sekisho/issue', { as: master })).status, 404)
  t.equal((await ask('/.sekisho/issue')).status, 200)
})

t.test('every POST is refused from another site and from none, and taken from our own page', async (t) => {
  for (const { path } of portalRoutes().filter(({ method }) => method === 'POST')) {
    const as = path.startsWith('/.sekisho/users') ? master : undefined
    const settings = { form: { loginId: 'user02', user: 'user05', password: '' }, ...(as === undefined ? {} : { as }) }
    for (const origin of ['https://evil.example', 'null', 'https://bank.example:9999', null]) {
      const refused = await ask(path, { ...settings, origin })
      t.equal(refused.status, 403, `${path} from ${origin}`)
      t.match(refused.body, '別のサイトからの操作を止めました')
    }
    const cross = await ask(path, { ...settings, headers: { 'sec-fetch-site': 'same-site' } })
    t.equal(cross.status, 403, `${path} from a page of the same site`)
    t.not((await ask(path, settings)).status, 403, `${path} from our own page`)
  }
})

t.test('assets are named after what is in them, kept for ever, and compressed for who reads that', async (t) => {
  const { body } = await ask('/.sekisho/login')
  const path = /href="(\/\.sekisho\/assets\/portal\.[0-9a-f]{16}\.css)"/.exec(body)?.[1] ?? ''
  const plain = await ask(path)
  t.match(plain.headers, {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  t.notMatch(plain.body, /<\/style|url\(|@import/i, 'fetches nothing and may stand in a page')
  const packed = await ask(path, { headers: { 'accept-encoding': 'br;q=1, gzip' } })
  t.equal(packed.headers['content-encoding'], 'gzip')
  t.equal((await ask(path, { headers: { 'accept-encoding': 'gzip;q=0' } })).headers['content-encoding'], undefined)
  t.equal((await ask('/.sekisho/assets/portal.0000000000000000.css')).status, 404)
})

t.test('scripts of the issue page are small, import each other by full names and hold no types', async (t) => {
  const page = await ask('/.sekisho/renew', { as: general })
  const seen = new Set<string>()
  const waiting = [/src="(\/\.sekisho\/assets\/issue-app\.[^"]+)"/.exec(page.body)?.[1] ?? '']
  let bytes = 0
  while (waiting.length > 0) {
    const path = waiting.pop() ?? ''
    if (seen.has(path)) continue
    seen.add(path)
    const { status, body, headers } = await ask(path)
    t.equal(status, 200, path)
    t.match(headers['content-type'], 'text/javascript; charset=utf-8')
    t.notMatch(body, /readonly |: string|import type|\/\*\*/, path)
    bytes += Number((await ask(path, { headers: { 'accept-encoding': 'gzip' } })).headers['content-length'])
    for (const [, other] of body.matchAll(/from '([^']+)'/g)) waiting.push(other ?? '')
  }
  t.equal(seen.size, 7)
  t.ok(bytes < 12_000, `${bytes} bytes on the wire`)
})

t.test('every fault has words of its own in both languages, with a next step', async (t) => {
  for (const language of ['ja', 'en']) {
    for (const code of Object.keys(faults) as (keyof typeof faults)[]) {
      acts.throwNext = new GatewayError(code, 'Cannot tell anybody this secret')
      const headers = { 'content-type': 'application/pkcs10', accept: 'application/json', 'accept-language': language }
      const { status, body } = await ask('/.sekisho/issue/request', {
        as: general,
        body: Uint8Array.of(0x30, 0),
        headers,
      })
      const problem = JSON.parse(body)
      t.equal(status, faults[code].status, code)
      t.match(problem, { title: /./, detail: /./, reason: code, requestId: 'req-0123456789' })
      t.ok(problem.steps.length > 0, `${code} says what to do`)
      t.notMatch(body, /secret|[{]self|[{]name/)
    }
  }
  t.ok(portalFaultCodes.every((code) => code in faults))
})

t.test('what nobody expected is answered without a word of it, and foreign paths are 404 with a page', async (t) => {
  const original = console.error
  console.error = () => {}
  acts.throwNext = new TypeError('internals') as GatewayError
  const headers = { 'content-type': 'application/pkcs10' }
  const { status, body } = await ask('/.sekisho/issue/request', { as: general, body: Uint8Array.of(0x30, 0), headers })
  console.error = original
  t.equal(status, 500)
  t.notMatch(body, /internals/)
  t.match(body, 'システムで問題が起きました')
  const missing = await ask('/.sekisho/nothing')
  t.equal(missing.status, 404)
  t.match(missing.body, 'ページが見つかりません')
})

t.test('R11 R12 the certificate page shows 有効期間 and 有効期限, and offers renewal when it is due', async (t) => {
  const early = await ask('/.sekisho/certificate', { as: master })
  t.match(early.body, /有効期間<\/dt><dd>2026年4月30日 から 2027年4月30日 まで/)
  t.match(early.body, /有効期限<\/dt><dd>2027年4月30日</)
  t.notMatch(early.body, 'class="button primary" href="/.sekisho/renew"')
  const due = await ask('/.sekisho/certificate', { as: general })
  t.match(due.body, 'class="button primary" href="/.sekisho/renew">電子証明書更新')
})

t.test('R11 the application gets the same as JSON, and the notice as a fragment', async (t) => {
  const json = await ask('/.sekisho/certificate', { as: general, headers: { accept: 'application/json' } })
  t.match(JSON.parse(json.body), {
    loginId: 'user03',
    serial: general.certificate.serial,
    issuer: 'demo-issuing-ca',
    notAfter: '2026-10-13T01:00:00.000Z',
    daysLeft: 12,
    renewalDue: true,
    noticeStep: 30,
    notice: {
      text: '電子証明書の有効期限は2026年10月13日です（あと12日）。有効期限までに更新してください。',
      renew: '電子証明書更新',
    },
    renewUrl: `https://${authorities.certificate}/.sekisho/renew`,
  })
  const early = await ask('/.sekisho/certificate', { as: master, headers: { accept: 'application/json' } })
  t.match(JSON.parse(early.body), { renewalDue: false, noticeStep: null, notice: null })
  t.match(
    (await ask('/.sekisho/notice.html', { as: general })).body,
    /^<p class="sekisho-notice".*あと12日.*href="\/\.sekisho\/renew"/,
  )
  t.equal((await ask('/.sekisho/notice.html', { as: master })).body, '')
  t.match((await ask('/.sekisho/notice.js', { as: general })).body, 'data-sekisho-notice')
})

t.test('R13 the trial says which certificate the door saw, and what to do when it is another one', async (t) => {
  const { serial } = general.certificate
  t.match((await ask(`/.sekisho/try?serial=${serial}`, { as: general })).body, '発行した電子証明書で接続できました')
  const asShown = serial.padStart(40, '0').toUpperCase()
  t.match((await ask(`/.sekisho/try?serial=${asShown}`, { as: general })).body, '発行した電子証明書で接続できました')
  t.match((await ask('/.sekisho/try', { as: general })).body, 'この電子証明書でログインできます')
  const other = await ask('/.sekisho/try?serial=abc1', { as: general })
  t.match(other.body, /別の電子証明書で接続しています[\s\S]+ABC1[\s\S]+ブラウザの画面をすべて閉じて/)
  t.notMatch((await ask('/.sekisho/try?serial=%3Cb%3E', { as: general })).body, '<b>')
})

t.test(
  'R9 R13 the help page has the causes, deletion, disposal, environments and how long a key is kept (R8)',
  async (t) => {
    const { body } = await ask('/.sekisho/help')
    for (const text of [
      'キャンセル',
      'Windowsのユーザごと',
      '廃棄する前に',
      '古い電子証明書を削除する',
      'IndexedDB',
      '10分',
      '手数料',
      'Windows 11',
    ]) {
      t.match(body, text)
    }
  },
)
