// Goal: the page's form and language follow Accept and Accept-Language by weight and exactness, and nothing a client can
// put there breaks the choice. Method: tables of field values against the expected choice.
import t from 'tap'
import { choosePageLanguage, prefersProblem } from '../../src/portal/accept.ts'

const chrome = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

t.test('problem details are chosen only by clients that prefer JSON', async (t) => {
  const cases: [accept: string | undefined, problem: boolean][] = [
    [undefined, false],
    ['', false],
    ['*/*', false],
    [chrome, false],
    ['text/html', false],
    ['application/json', true],
    ['application/problem+json', true],
    ['APPLICATION/JSON', true],
    ['application/json; charset=utf-8', true],
    ['application/json;q=0', false],
    ['application/json;q=0, */*', false],
    ['application/json, text/plain, */*', true],
    ['text/html, application/json', false],
    ['application/json, text/html', false],
    ['application/json, text/html;q=0.9', true],
    ['application/json;q=0.9, text/html;q=0.8', true],
    ['application/json;q=0.8, text/html;q=0.9', false],
    ['application/json;q=0.8, */*;q=0.9', false],
    ['text/*;q=0.5, application/problem+json;q=0.6', true],
    ['application/*', true],
    ['application/*, text/html', false],
    ['application/problem+json;q=0, application/json', true],
    ['application/json;q=2', false],
    ['application/json;q=abc, text/html;q=0.1', false],
    ['application/json ; Q = 0.9 , text/html ; q=0.1', true],
    ['application/jsonx', false],
    [',,,;;;==,q=1', false],
  ]
  for (const [accept, problem] of cases) t.equal(prefersProblem(accept), problem, String(accept))
})

t.test('the language is the one that weighs more, Japanese when in doubt', async (t) => {
  const cases: [acceptLanguage: string | undefined, language: string][] = [
    [undefined, 'ja'],
    ['', 'ja'],
    ['*', 'ja'],
    ['fr, de', 'ja'],
    ['ja', 'ja'],
    ['en', 'en'],
    ['en-US,en;q=0.9', 'en'],
    ['EN-gb', 'en'],
    ['ja,en-US;q=0.9,en;q=0.8', 'ja'],
    ['en-US,en;q=0.9,ja;q=0.8', 'en'],
    ['en;q=0.5, ja;q=0.6', 'ja'],
    ['en;q=0, ja;q=0', 'ja'],
    ['en;q=0', 'ja'],
    ['fr, en;q=0.3', 'en'],
    ['english', 'ja'],
    ['en;q=1.001', 'ja'],
  ]
  for (const [acceptLanguage, language] of cases) {
    t.equal(choosePageLanguage(acceptLanguage), language, String(acceptLanguage))
  }
})

t.test('what lies beyond a sensible length is not read', async (t) => {
  t.equal(choosePageLanguage(`${'fr,'.repeat(32)}en`), 'ja')
  t.equal(prefersProblem(`${' '.repeat(1_000)}application/json`), false)
  t.equal(choosePageLanguage(`${'x'.repeat(1_000_000)}`), 'ja')
})
