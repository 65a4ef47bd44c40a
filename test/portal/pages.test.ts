// Goal: each denial and each fault gets its page in both languages, with the request id, and hostile input stays text.
// Method: render every reason and code, and look at the HTML and the problem details.
import { createHash } from 'node:crypto'
import t from 'tap'
import { type FaultCode, faults } from '../../src/base/errors.ts'
import type { DenialPageInput } from '../../src/data-path/ports.ts'
import { pageContentSecurityPolicy, pageHeaders } from '../../src/portal/page-style.ts'
import { createPages, faultPageOf } from '../../src/portal/pages.ts'
import { textsEn } from '../../src/portal/texts-en.ts'
import { textsJa } from '../../src/portal/texts-ja.ts'
import { denialReasons, denialStatus, deny, type PresentedCertificate } from '../../src/trust/denial.ts'

const institution = {
  name: { ja: 'ためし信用金庫', en: 'Tameshi Shinkin' },
  selfReference: { ja: '当金庫', en: 'we' },
  contact: { ja: 'ヘルプデスク 0120-000-000', en: 'Help desk 0120-000-000' },
  hours: { ja: '平日 9時から18時', en: 'Weekdays 9 to 18' },
  helpUrl: 'https://bank.test/help?a=1&b=2',
  issueUrl: 'https://bank.test/issue',
}
const certificate: PresentedCertificate = {
  serial: 'abc0123',
  // 21 November in Tokyo, still the 20th in UTC.
  notAfterMs: Date.parse('2027-11-20T15:00:00Z'),
  subjectCommonName: 'user01',
  issuerCommonName: 'issuing-ca',
}
const pages = createPages(institution, { timeZone: 'Asia/Tokyo' })
const requestId = 'req-0123456789'

function input(rest: Partial<DenialPageInput> = {}): DenialPageInput {
  return {
    denial: deny('certificate_superseded', 'for operators only', certificate),
    requestId,
    alternateAuthorities: ['login.test:8443', 'login.test:8444', 'login2.test'],
    authority: 'login.test:8443',
    acceptLanguage: undefined,
    accept: undefined,
    ...rest,
  }
}

t.test('every reason, in both languages', async (t) => {
  for (const reason of denialReasons) {
    for (const [language, texts] of [['ja', textsJa] as const, ['en', textsEn] as const]) {
      const denial = deny(reason, 'for operators only', certificate)
      const page = pages.denial(input({ denial, acceptLanguage: language }))
      t.equal(page.status, denialStatus(reason))
      t.equal(page.contentType, 'text/html; charset=utf-8')
      t.match(page.body, `<html lang="${language}">`)
      t.match(page.body, `<title>${texts.denial[reason].title} | ${institution.name[language]}</title>`)
      t.equal(page.body.split(`>${requestId}<`).length, 3, 'the request id, once in each language')
      t.match(page.body, institution.contact[language])
      t.match(page.body, institution.hours[language])
      t.notMatch(page.body, /for operators only|\{self\}|\{name\}|undefined|\0|<script/)
      t.match(page.body, '<meta name="robots" content="noindex,nofollow">')
      // Without styles the chosen language must come first.
      const first = page.body.indexOf(`<h1>${texts.denial[reason].title.replaceAll("'", '&#39;')}`)
      t.ok(first > 0 && first === page.body.indexOf('<h1>'), `${reason} ${language} stands first`)
      t.equal(page.body.split('<h1>').length, 3, 'and the other language below')
    }
  }
})

t.test('every fault code, in both languages', async (t) => {
  for (const code of Object.keys(faults) as FaultCode[]) {
    for (const [language, texts] of [['ja', textsJa] as const, ['en', textsEn] as const]) {
      const page = pages.fault({ code, requestId, acceptLanguage: language, accept: 'text/html' })
      t.equal(page.status, faults[code].status, code)
      t.match(page.body, `<h1>${texts.fault[faultPageOf(code)].title}</h1>`)
      t.equal(page.body.split(`>${requestId}<`).length, 3)
      t.notMatch(page.body, /\{self\}|\{name\}|undefined|\0/)
    }
  }
  t.equal(faultPageOf('upstream_response_timeout'), 504)
  t.equal(faultPageOf('head_too_large'), 431)
  t.equal(faultPageOf('upstream_too_busy'), 503)
  t.equal(faultPageOf('upstream_unavailable'), 'upstream_unavailable', 'not just busy')
  t.equal(faultPageOf('http2_flood'), 400, 'never shown, but there')
})

t.test(
  'the certificate is shown with its serial as browsers write it and its expiry in the configured time zone',
  async (t) => {
    const { body } = pages.denial(input())
    t.match(body, '0ABC0123')
    t.match(body, '2027年11月21日')
    t.match(body, '21 Nov 2027')
    t.match(body, 'user01')
    const utc = createPages(institution, { timeZone: 'UTC' }).denial(input())
    t.match(utc.body, '2027年11月20日')
    t.match(utc.body, '20 Nov 2027')
    t.notMatch(body, textsJa.words.successor)
    const successor = { serial: 'def4567', notAfterMs: Date.parse('2028-11-20T15:00:00Z') }
    const replaced = pages.denial(input({ denial: { ...deny('certificate_superseded', '', certificate), successor } }))
    t.match(replaced.body, '0DEF4567', 'R13: the one to choose, by its serial and expiry')
    t.match(replaced.body, '2028年11月21日')
    for (const { words } of [textsJa, textsEn]) t.match(replaced.body, words.successor)
    const without = pages.denial(input({ denial: deny('certificate_missing', '') }))
    t.notMatch(without.body, 'class="certificate"')
  },
)

t.test('an expiry that is no date, or far away, is no fault', async (t) => {
  for (const notAfterMs of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15]) {
    const denial = deny('certificate_expired', '', { ...certificate, notAfterMs })
    t.equal(pages.denial(input({ denial })).status, 403)
  }
  const denial = deny('certificate_expired', '', { ...certificate, notAfterMs: Date.parse('9999-12-31T23:59:59Z') })
  t.match(pages.denial(input({ denial })).body, '10000年1月1日')
})

t.test('a hostile certificate, request id and authority stay text', async (t) => {
  const evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'&\0\u202e'
  const { body } = pages.denial(
    input({
      requestId: evil,
      alternateAuthorities: [`evil.test"><script>`],
      denial: deny('certificate_expired', evil, {
        serial: evil,
        notAfterMs: certificate.notAfterMs,
        subjectCommonName: evil,
        issuerCommonName: evil,
      }),
    }),
  )
  t.notMatch(body, /<script|<img|\0|\u202e/i)
  t.match(body, '&lt;script&gt;')
  const problem = pages.denial(input({ requestId: evil, accept: 'application/json' }))
  t.equal(JSON.parse(problem.body).requestId, evil)
  const fault = pages.fault({ code: 'internal', requestId: evil, acceptLanguage: evil, accept: evil })
  t.notMatch(fault.body, /<script|<img|\0/i)
})

t.test('an endless name is cut', async (t) => {
  const denial = deny('issuer_not_trusted', '', { ...certificate, subjectCommonName: 'x'.repeat(100_000) })
  const { body } = pages.denial(input({ denial }))
  t.notMatch(body, 'x'.repeat(65))
  t.match(body, `${'x'.repeat(64)}…`)
})

t.test('R13: "choose another certificate" leads to every authority of the door but the current one', async (t) => {
  const links = (body: string) => [...body.matchAll(/href="(https:\/\/login[^"]*)"/g)].map((match) => match[1])
  const both = (urls: string[]) => [...urls, ...urls]
  t.same(links(pages.denial(input()).body), both(['https://login.test:8444/', 'https://login2.test/']))
  t.same(
    links(pages.denial(input({ authority: 'LOGIN2.test.:443' })).body),
    both(['https://login.test:8443/', 'https://login.test:8444/']),
  )
  const none = pages.denial(input({ alternateAuthorities: ['login.test:8443'] }))
  t.same(links(none.body), [])
  t.match(none.body, textsJa.words.closeBrowsersNote)
  for (const reason of denialReasons) {
    const { body } = pages.denial(input({ denial: deny(reason, '') }))
    t.equal(links(body).length, reason === 'trust_data_stale' ? 0 : 4, reason)
  }
})

t.test('who has chosen no certificate is led to where the browser asks, from the public door too', async (t) => {
  const missing = input({ denial: deny('certificate_missing', ''), authority: 'login.test' })
  const { body } = pages.denial(missing)
  t.match(body, `<a class="button primary" href="https://login.test:8443/">${textsJa.words.chooseOne}</a>`)
  t.match(body, textsJa.words.chooseOneNote)
  t.notMatch(body, textsJa.words.chooseAnother)
  t.match(body, `「${textsJa.words.chooseOne}」`, 'the steps name the button')
  t.match(body, `“${textsEn.words.chooseOne}”`)
})

t.test('R9: an expired certificate leads to the issue page, if there is one', async (t) => {
  const denial = deny('certificate_expired', '', certificate)
  t.match(
    pages.denial(input({ denial })).body,
    '<a class="button primary" href="https://bank.test/issue">電子証明書発行へ進む</a>',
  )
  const { issueUrl: _issue, helpUrl: _help, ...plain } = institution
  const without = createPages(plain, { timeZone: 'Asia/Tokyo' }).denial(input({ denial }))
  t.notMatch(without.body, 'bank.test')
  t.match(without.body, '電子証明書発行', 'the text still says where to go')
})

t.test('configured words are escaped and used', async (t) => {
  const odd = createPages({ ...institution, name: { ja: '<b>A&B</b>', en: '$& $1 "B"' } }, { timeZone: 'Asia/Tokyo' })
  const { body } = odd.denial(input({ denial: deny('login_id_unknown', '') }))
  t.notMatch(body, '<b>')
  t.match(body, '&lt;b&gt;A&amp;B&lt;/b&gt;')
  t.match(body, 'not registered with $&amp; $1 &quot;B&quot;', 'replacement patterns mean nothing')
  t.match(body, '当金庫に登録がないか')
})

t.test('clients that prefer JSON get problem details', async (t) => {
  for (const reason of denialReasons) {
    const denial = deny(reason, 'for operators only', certificate)
    const page = pages.denial(input({ denial, accept: 'application/json', acceptLanguage: 'en' }))
    t.equal(page.contentType, 'application/problem+json')
    t.strictSame(JSON.parse(page.body), {
      type: `urn:sekisho:denial:${reason}`,
      title: textsEn.denial[reason].title,
      status: denialStatus(reason),
      detail: textsEn.denial[reason].happened.join(' ').replaceAll('{name}', institution.name.en),
      reason,
      requestId,
    })
  }
  const fault = pages.fault({
    code: 'host_mismatch',
    requestId,
    acceptLanguage: 'ja',
    accept: 'application/problem+json',
  })
  const { title, happened } = textsJa.fault[421]
  t.strictSame(JSON.parse(fault.body), {
    type: 'urn:sekisho:fault:host_mismatch',
    title,
    status: 421,
    detail: happened.join(' '),
    reason: 'host_mismatch',
    requestId,
  })
})

t.test('the content security policy allows exactly the style of the page', async (t) => {
  const style = /<style>(.*?)<\/style>/s.exec(pages.denial(input()).body)?.[1] ?? ''
  t.match(pageContentSecurityPolicy, `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  t.match(pageContentSecurityPolicy, "default-src 'none'")
  t.notMatch(pages.denial(input()).body, / style=| on[a-z]+=|src=/, 'nothing the policy would block')
  t.notOk(
    pageHeaders.some(([name, value]) => /[^\x20-\x7e]/.test(name + value)),
    'fit to be sent',
  )
})
