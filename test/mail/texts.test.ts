// Goal: mails say in plain words what is the matter, in both languages, and hold nothing that a phisher could copy: no link (R10), no
// markup from outside. Method: write every kind of mail with honest and with hostile values, and read it.
import t from 'tap'
import { type ActBody, type ExpiryBody, type NoticeBody, readBody, writeBody } from '../../src/lifecycle/notice-body.ts'
import { writeDay } from '../../src/mail/mail-day.ts'
import { mailKinds } from '../../src/mail/mail-texts.ts'
import { plainValue, valueLengthMax } from '../../src/mail/plain-value.ts'
import { mailTextsEn } from '../../src/mail/texts-en.ts'
import { mailTextsJa } from '../../src/mail/texts-ja.ts'
import { type MailSetting, writeMail } from '../../src/mail/write-mail.ts'

const timeZone = 'Asia/Tokyo'
const notAfterMs = Date.parse('2026-12-24T23:59:59+09:00')
const setting: MailSetting = {
  nowMs: Date.parse('2026-11-24T08:00:00+09:00'),
  timeZone,
  institution: {
    name: { ja: 'サンプル銀行', en: 'Sample Bank' },
    selfReference: { ja: '当行', en: 'the bank' },
    contact: { ja: 'ヘルプデスク 0120-000-000', en: 'Helpdesk 0120-000-000' },
    hours: { ja: '平日 9:00～17:00', en: 'weekdays, 9:00 to 17:00' },
  },
  serviceName: { ja: 'サンプル法人バンキング', en: 'Sample Business Banking' },
}

const expiry: ExpiryBody = {
  kind: 'expiry',
  loginId: 'user01',
  key: `${'a'.repeat(32)}:1f`,
  serial: '1f',
  notAfterMs,
  step: 30,
  language: 'ja',
  name: '加藤 大輔',
}
const act: ActBody = {
  kind: 'issued',
  loginId: 'user01',
  to: 'user',
  serial: '1f',
  notAfterMs,
  atMs: setting.nowMs,
  by: { kind: 'self' },
  language: 'ja',
  name: '',
}

/** One body of each kind of mail. */
function bodies(changes: Partial<NoticeBody>): NoticeBody[] {
  const acts = (['issued', 'renewed', 'revoked'] as const).flatMap((kind) =>
    (['user', 'master'] as const).map((to) => ({ ...act, kind, to })),
  )
  const list: NoticeBody[] = [expiry, { ...expiry, notAfterMs: setting.nowMs - 86_400_000 }, ...acts]
  return list.map((body) => ({ ...body, ...changes }) as NoticeBody)
}

const words = (texts: unknown): string[] =>
  typeof texts === 'string' ? [texts] : Object.values(texts as object).flatMap((value) => words(value))

t.test('R10: no mail has a link, in either language, as text or HTML', async (t) => {
  for (const language of ['ja', 'en', ''] as const) {
    for (const body of bodies({ language })) {
      const { subject, text, html } = writeMail(body, setting)
      for (const part of [subject, text, html.replace(/^<!DOCTYPE html>/, '')]) {
        t.notMatch(part, /https?:|www\.|mailto:|href|<a\b|src=|url\(|\w+\.\w{2,}\/|<img|<script|<link/i)
      }
    }
  }
})

t.test('R10: links in names and contacts are taken out, whoever put them there', async (t) => {
  const link = 'see https://evil.example/login or www.evil.example or evil.example/a?b'
  const both = { ja: link, en: link }
  const institution = { name: both, selfReference: both, contact: both, hours: both }
  for (const body of bodies({ language: '', name: link, loginId: link })) {
    const { subject, sender, text, html } = writeMail(body, { ...setting, institution, serviceName: both })
    for (const part of [subject, sender, text, html]) t.notMatch(part, /evil\.example/)
    t.match(text, 'see … or … or …')
  }
})

t.test('the reader’s language is used, else both, Japanese first', async (t) => {
  const ja = writeMail(expiry, setting)
  t.equal(ja.subject, '【サンプル銀行】電子証明書 有効期限のお知らせ（あと30日）')
  t.equal(ja.sender, 'サンプル銀行')
  t.match(ja.text, '加藤 大輔 様')
  t.match(ja.text, '有効期限：2026年12月24日(木)（あと30日）')
  t.match(ja.text, 'お問い合わせ先：ヘルプデスク 0120-000-000')
  t.match(ja.text, '当行が、メールでログインパスワードや確認用パスワードをお尋ねすることはありません。')
  t.match(ja.text, 'サンプル法人バンキング')
  const en = writeMail({ ...expiry, language: 'en' }, setting)
  t.equal(en.subject, '[Sample Bank] Your certificate expires soon (30 days left)')
  t.equal(en.sender, 'Sample Bank')
  t.match(en.text, 'Expiry date: Thu, 24 Dec 2026 (30 days left)')
  t.notMatch(en.text, '有効期限')
  const two = writeMail({ ...expiry, language: '' }, setting)
  t.equal(two.subject, `${ja.subject} / ${en.subject}`)
  t.ok(two.text.indexOf('有効期限') < two.text.indexOf('Expiry date'))
  t.match(two.html, /lang="ja"[\s\S]*lang="en"/)
})

t.test('days left are counted when the mail is written; one that comes too late says so', async (t) => {
  const at = (time: string) => writeMail(expiry, { ...setting, nowMs: Date.parse(`${time}+09:00`) })
  t.match(at('2026-12-23T08:00:00').subject, 'あと1日')
  t.match(at('2026-12-24T08:00:00').subject, '本日まで')
  const late = at('2026-12-25T08:00:00')
  t.equal(late.subject, '【サンプル銀行】電子証明書の有効期限が切れました')
  t.match(late.text, '「電子証明書発行」を選びます。')
})

t.test('acts are told with when and by whom', async (t) => {
  const { subject, text } = writeMail(
    { ...act, kind: 'revoked', to: 'master', by: { kind: 'user', loginId: 'master01' } },
    setting,
  )
  t.equal(subject, '【サンプル銀行】ユーザの電子証明書 失効のお知らせ')
  t.match(text, 'お手続き日時：2026年11月24日(火) 8:00')
  t.match(text, 'お手続きをした方：master01')
  t.match(text, 'お客様\n', 'where the name is not known')
  t.match(writeMail({ ...act, by: { kind: 'institution' } }, setting).text, 'お手続きをした方：当行')
  t.match(writeMail(act, setting).text, 'お手続きをした方：ご本人')
  const { serial: _, notAfterMs: __, ...bare } = act
  t.notMatch(writeMail(bare, setting).text, 'シリアル番号', 'what is not known is left out')
})

t.test('HTML escapes everything from outside, and no value breaks a line or hides', async (t) => {
  const hostile = `<b onload="x">'&\r\nBcc: x@evil.example\u202e\u0000`
  const { subject, text, html } = writeMail({ ...expiry, language: '', name: hostile, loginId: hostile }, setting)
  t.notMatch(html, /<b onload/)
  t.match(html, '&lt;b onload=&quot;x&quot;&gt;&#39;&amp;')
  for (const part of ['\r', '\nBcc', '\u202e', '\u0000']) t.notOk((subject + text).includes(part))
  const institution = { ...setting.institution, name: { ja: 'a\r\nBcc: x@evil.example', en: 'b' } }
  t.notMatch(writeMail(expiry, { ...setting, institution }).subject, /[\r\n]/)
  t.equal(plainValue('x'.repeat(1_000)).length, valueLengthMax + 1)
})

t.test('both languages say every mail, with the words of the domain, and fill in every place', async (t) => {
  t.same(Object.keys(mailTextsJa.mail), [...mailKinds])
  t.same(Object.keys(mailTextsEn.mail), [...mailKinds])
  t.notMatch(words(mailTextsJa).join('\n'), /ユーザー|ブラウザー|サーバー/)
  for (const body of bodies({ language: '' })) {
    const { subject, text, html } = writeMail(body, setting)
    t.notMatch(subject + text, /[{}]|undefined/)
    t.notMatch(html, /[{}]|undefined/)
  }
  t.equal(new Set(bodies({}).map((body) => writeMail(body, setting).subject)).size, mailKinds.length)
})

t.test('a day is written as people write it, in the time zone of the bank', async (t) => {
  t.equal(writeDay(notAfterMs, { language: 'ja', timeZone }), '2026年12月24日(木)')
  t.equal(writeDay(notAfterMs + 1_000, { language: 'ja', timeZone }), '2026年12月25日(金)')
  t.equal(writeDay(notAfterMs + 1_000, { language: 'en', timeZone: 'UTC', withTime: true }), 'Thu, 24 Dec 2026 15:00')
})

t.test('what stands in the outbox is read back; anything else is refused', async (t) => {
  for (const body of bodies({})) t.same(readBody(writeBody(body)), body)
  const broken = [
    '',
    'null',
    '7',
    '{}',
    '{"kind":"expiry"}',
    JSON.stringify({ ...expiry, notAfterMs: 'soon' }),
    JSON.stringify({ ...expiry, language: 'fr' }),
    JSON.stringify({ ...act, kind: 'lost' }),
    JSON.stringify({ ...act, to: 'everybody' }),
    JSON.stringify({ ...act, by: null }),
    JSON.stringify({ ...act, by: { kind: 'user' } }),
    JSON.stringify({ ...act, serial: 7 }),
  ]
  for (const text of broken) t.equal(readBody(text), undefined, text)
})
