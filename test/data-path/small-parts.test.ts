// Goal: request ids, own pages and page preferences do what their contracts say.
// Method: plain calls.
import t from 'tap'
import { OwnPages } from '../../src/data-path/own-pages.ts'
import { pagePreferences } from '../../src/data-path/page-preferences.ts'
import { createRequestIds } from '../../src/data-path/request-id.ts'

t.test('request ids begin in a way that is unique to the connection, short and speakable', async (t) => {
  const ids = new Set<string>()
  for (let worker = 0; worker < 20; worker++) {
    const next = createRequestIds()
    for (let i = 0; i < 1_000; i++) ids.add(next())
  }
  t.equal(ids.size, 20_000)
  for (const id of ids) if (!/^[0-9a-z]{8}-[0-9a-z]{1,8}-?$/.test(id)) t.fail(id)
})

t.test('a page of the worker’s own is found by its exact path, with or without a query', async (t) => {
  const pages = new OwnPages()
  const page = () => ({ status: 200, contentType: 'text/plain', body: 'x' })
  pages.set('/.sekisho/jwks.json', page)
  t.equal(pages.find('/.sekisho/jwks.json'), page)
  t.equal(pages.find('/.sekisho/jwks.json?x=1'), page)
  for (const other of [
    '/.sekisho/',
    '/.sekisho/JWKS.json',
    '/.sekisho/jwks.json/',
    '/.sekisho/../x',
    '/',
    '/.sekisho',
    '/.Sekisho/jwks.json',
    '/x/.sekisho/jwks.json',
    '//.sekisho/jwks.json',
    '*',
    '/?/.sekisho/',
  ]) {
    t.equal(pages.find(other), undefined, other)
  }
})

t.test('preferences are read in any case; repeated fields are joined', async (t) => {
  t.strictSame(pagePreferences([]), { accept: undefined, acceptLanguage: undefined })
  const fields = [
    'accept',
    'text/html',
    'ACCEPT-LANGUAGE',
    'ja',
    'Accept',
    '*/*',
    'Accept-Language',
    'en',
    'Accept_Language',
    'fr',
  ]
  t.strictSame(pagePreferences(fields), { accept: 'text/html, */*', acceptLanguage: 'ja, en' })
})
