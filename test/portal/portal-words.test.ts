// Goal: the words of the users' pages are whole in both languages and keep to the vocabulary. Method: walk every string of every table.
import t from 'tap'
import { certificateWords } from '../../src/portal/certificate-words.ts'
import { faultWords } from '../../src/portal/fault-words.ts'
import { helpWords } from '../../src/portal/help-words.ts'
import { Html, html } from '../../src/portal/html.ts'
import { installWords } from '../../src/portal/install-words.ts'
import { issueAppWords, issueWords } from '../../src/portal/issue-words.ts'
import { loginWords } from '../../src/portal/login-words.ts'
import { fill, fillAll } from '../../src/portal/portal-words.ts'
import { shellWords } from '../../src/portal/shell-words.ts'
import { usersWords } from '../../src/portal/users-words.ts'

const tables: Record<string, { readonly ja: object; readonly en: object }> = {
  certificateWords,
  faultWords,
  helpWords,
  installWords,
  issueAppWords,
  issueWords,
  loginWords,
  shellWords,
  usersWords,
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Object.values(value as object).flatMap(strings)
}

function holes(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => !['name', 'self', 'service'].includes(name))
}

for (const [name, { ja, en }] of Object.entries(tables)) {
  t.test(`${name} keeps to the vocabulary, and both languages say the same`, async (t) => {
    for (const text of strings(ja)) {
      t.notMatch(text, /ユーザー|サーバー|ブラウザー|エラー/, text)
      t.notMatch(text, /有効期間(が|は)?(切れ|過ぎ|を過ぎ)/, 'a span does not run out; its end is 有効期限')
      t.notMatch(text, /有効期限(内|の開始|が始ま|より前)/, 'an end does not begin; the span is 有効期間')
      t.notMatch(text, /無効化|取消(?!せ)|破棄/, 'revocation is 失効')
      t.notMatch(text, /当行|当金庫|当組合/, 'how the institution speaks of itself is configuration')
    }
    for (const text of strings(en)) if (text !== '{service}') t.match(text, /[A-Za-z]/, text)
    t.same(strings(en).length, strings(ja).length)
    strings(ja).forEach((text, at) => {
      t.same(holes(strings(en)[at] ?? '').sort(), holes(text).sort(), text)
    })
  })
}

t.test('values are filled in, unknown names stay, and markup is escaped but for itself', async (t) => {
  t.equal(fill('{a} {b} {a}', { a: 1 }), '1 {b} 1')
  t.same(fillAll({ x: ['{a}', { y: '{a}{b}' }] }, { a: '$&', b: '' }), { x: ['$&', { y: '$&' }] })
  t.equal(
    html`<p title="${'"<'}">${'<b>'}${html`<i>${1}</i>`}${false}${undefined}${['&', html`<br>`]}</p>`.text,
    '<p title="&quot;&lt;">&lt;b&gt;<i>1</i>&amp;<br></p>',
  )
  t.ok(html`` instanceof Html)
})
