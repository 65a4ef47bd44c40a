// Goal: both tables of texts are whole, keep to the vocabulary and say the same things. Method: walk every string of both.
import t from 'tap'
import { faultPages, type PageText, type PortalTexts } from '../../src/portal/portal-texts.ts'
import { textsEn } from '../../src/portal/texts-en.ts'
import { textsJa } from '../../src/portal/texts-ja.ts'
import { denialReasons } from '../../src/trust/denial.ts'

const japanese = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u

t.test('every reason and every fault has a heading, what happened and a next step, in both languages', async (t) => {
  for (const texts of [textsJa, textsEn]) {
    t.same(Object.keys(texts.denial), denialReasons, 'no reason more or less')
    t.same(Object.keys(texts.fault), faultPages.map(String), 'no fault more or less')
    for (const page of pagesOf(texts)) {
      t.ok(page.title.length > 0 && page.happened.length > 0 && page.steps.length > 0, page.title)
    }
    const titles = pagesOf(texts).map((page) => page.title)
    t.equal(new Set(titles).size, titles.length, 'no two pages share a heading')
  }
})

t.test('the two languages have the same shape', async (t) => {
  const shape = (texts: PortalTexts) =>
    pagesOf(texts).map((page) => [page.happened.length > 0, page.steps.length, page.causes?.length])
  t.same(shape(textsEn), shape(textsJa))
  t.same(Object.keys(textsEn.words), Object.keys(textsJa.words))
})

t.test('the Japanese keeps to the vocabulary', async (t) => {
  for (const text of strings(textsJa)) {
    t.notMatch(text, /ユーザー|サーバー|ブラウザー|エラー/, text)
    t.notMatch(text, /有効期間(が|は)?(切れ|過ぎ|を過ぎ)/, 'a span does not run out; its end is 有効期限')
    t.notMatch(text, /有効期限(内|の開始|が始ま|より前)/, 'an end does not begin; the span is 有効期間')
    t.notMatch(text, /無効化|取消|取り消し|破棄/, 'revocation is 失効')
    t.notMatch(text, /当行|当金庫|当組合/, 'how the institution speaks of itself is configuration')
    if (text !== 'GET') t.match(text, japanese)
  }
})

t.test('the English is English', async (t) => {
  for (const text of strings(textsEn)) t.match(text, /[A-Za-z]/, text)
  for (const page of pagesOf(textsEn)) t.notMatch(page.title, japanese, page.title)
})

t.test('the page for a missing certificate names the six usual causes', async (t) => {
  const causes = (textsJa.denial.certificate_missing.causes ?? []).map((cause) => cause.title + cause.remedy)
  const expected = [
    /有効期限が切れ.*電子証明書発行/,
    /Windowsのユーザ/,
    /キャンセル/,
    /削除.*失効/,
    /発行した後.*閉じ/,
    /ネットワーク/,
  ]
  t.equal(causes.length, expected.length)
  expected.forEach((pattern, index) => {
    t.match(causes[index], pattern)
  })
})

t.test('only known placeholders occur', async (t) => {
  for (const text of [...strings(textsJa), ...strings(textsEn)]) {
    t.notMatch(text.replace(/\{(name|self)\}/g, ''), /[{}<>\0]/, text)
  }
})

function pagesOf(texts: PortalTexts): PageText[] {
  return [...Object.values(texts.denial), ...Object.values(texts.fault)]
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Object.values(value as object).flatMap(strings)
}
