// Goal: the live page is served to operators of every role, loads nothing from elsewhere, and has words for whatever it shows.
// Method: ask a real admin door as a browser does; compare the words with the closed lists.
import { createHash } from 'node:crypto'
import t from 'tap'
import { liveWords } from '../../src/admin/live/live-words.ts'
import { operatorRoles } from '../../src/admin/operator.ts'
import type { FaultCode } from '../../src/base/errors.ts'
import { revocationReasons } from '../../src/control-path/ports.ts'
import { followerStates, handshakeResults, verdicts } from '../../src/observe/metric-labels.ts'
import { cutReasons } from '../../src/trust/denial.ts'
import { withCounter } from './counter-client.ts'
import { issueOperator, operators } from './with-admin.ts'

t.test('every role gets the page, in the language of choice; whoever is none gets the page that says so', async (t) => {
  const { page, ended } = await withCounter(t)
  for (const role of operatorRoles) {
    const { status, text } = await page('/live/', { certificate: operators[role] })
    t.equal(status, 200)
    t.match(text, /<html lang="ja">[\s\S]*稼働状況/)
    t.equal(text.includes('&quot;audience&quot;:&quot;branch&quot;'), role === 'branch', role)
  }
  const english = await page('/live/?lang=en')
  t.match(english.text, /<html lang="en">[\s\S]*Live status/)
  t.match(String(english.headers['set-cookie']), /^sekisho_counter_lang=en; Path=\/live\/; .*HttpOnly/)
  t.match((await page('/live/', { headers: { Cookie: 'sekisho_counter_lang=en' } })).text, /<html lang="en">/)
  t.match(await page('/live'), { status: 303, headers: { location: '/live/' } })
  t.match(await page('/live/', { certificate: undefined }), { status: 401, text: /<html lang="ja">/ })
  t.match(await page('/live/', { certificate: issueOperator(['guest']) }), { status: 403, text: /<html lang="ja">/ })
  t.match(await page('/live/nothing'), { status: 404 })
  t.match(await page('/live/', { form: {} }), { status: 404 })
  // A link in a dashboard or a wiki opens it; a page of another site gets it no other way, and nothing else of this door.
  const from = { 'Sec-Fetch-Site': 'cross-site' }
  const opened = { ...from, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
  t.match(await page('/live/', { headers: opened }), { status: 200 })
  t.match(await page('/live', { headers: opened }), { status: 303 })
  t.match(await page('/live/', { headers: from }), { status: 400 })
  t.match(await page('/live/', { headers: { ...opened, 'Sec-Fetch-Dest': 'iframe' } }), { status: 400 })
  t.match(await page('/live/', { headers: { ...opened, Origin: 'https://other.example' }, form: {} }), { status: 400 })
  t.match(await page('/counter/', { headers: opened }), { status: 400 })
  t.match(await page('/v1/live', { headers: opened }), { status: 400 })
  t.ok(ended.every(([route]) => route === '/live/*' || route === 'none'))
})

t.test('its policy lets it run its own scripts and nothing else', async (t) => {
  const { page } = await withCounter(t)
  const { text, headers } = await page('/live/')
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  t.equal(
    headers['content-security-policy'],
    `default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`,
  )
  t.match(headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
  t.notMatch(text, /<script(?! type="module" src="\/live\/assets\/)|\son[a-z]+=|\sstyle=|https?:\/\//)

  const seen = new Set<string>()
  const follow = async (path: string): Promise<void> => {
    if (seen.has(path)) return
    seen.add(path)
    const script = await page(path, { certificate: operators.auditor })
    t.match(script, {
      status: 200,
      headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': /immutable/ },
    })
    t.notMatch(script.text, /innerHTML|insertAdjacentHTML|document\.write|\beval\(|import type/, path)
    for (const [, next = ''] of script.text.matchAll(/from '([^']+)'/g)) await follow(next)
  }
  await follow(/<script type="module" src="([^"]+)">/.exec(text)?.[1] ?? '')
  t.equal(seen.size, 11)
  t.match(await page([...seen][0] ?? '', { certificate: undefined }), { status: 401 })
  t.match(await page('/live/assets/live-app.0000000000000000.js'), { status: 404 })
})

t.test('there are words for every reason, result and state', async (t) => {
  for (const words of [liveWords.ja, liveWords.en]) {
    const ofLogins = ['store_unavailable', 'login_request_unreadable', 'body_too_large'] satisfies FaultCode[]
    for (const name of [...verdicts, ...cutReasons, ...handshakeResults, ...ofLogins])
      t.ok(Object.hasOwn(words.labels, name), name)
    t.same(Object.keys(words.causes), revocationReasons)
    t.same(Object.keys(words.states).sort(), [...followerStates].sort())
  }
})
