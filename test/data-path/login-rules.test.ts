// Goal: whatever an application may take for the login path meets the rule, and what it cannot take for it does not.
// Method: one rule, or several, and paths, methods, framings and Content-Type fields in many spellings.
import t from 'tap'
import { bodyOfLength, chunkedBody, noBody } from '../../src/data-path/http1/body-framing.ts'
import { classifyField } from '../../src/data-path/http1/field-class.ts'
import { LoginRules } from '../../src/data-path/login-rules.ts'
import type { ForwardRequest } from '../../src/data-path/request-headers.ts'

const rule = { path: '/app/login', loginIdField: 'loginId', includeBelow: false, bodyBytesMax: 100 }
const strict = { encodedSlashes: 'refuse', dotSegments: 'refuse' } as const
const keeps = { encodedSlashes: 'keep', dotSegments: 'keep' } as const
const form = ['Content-Type', 'application/x-www-form-urlencoded']

function requestOf(target: string, more: Partial<ForwardRequest> = {}): ForwardRequest {
  const fields = more.fields ?? form
  return {
    ...{ method: 'POST', target, host: 'bank', framing: bodyOfLength(10), expectsContinue: false, webSocket: false },
    ...{ connectionNominated: [], ...more, fields },
    classes: fields.filter((_, at) => at % 2 === 0).map(classifyField),
  }
}

function kindOf(request: ForwardRequest, rules = new LoginRules([rule], strict)) {
  return rules.attempt(request)?.kind
}

t.test('every spelling of the path that some application takes for it', async (t) => {
  const spellings = [
    '/app/login',
    '/APP/LogIn',
    '/app/login/',
    '/app/login//',
    '//app//login',
    '/app/login;jsessionid=1',
    '/app;x/login',
    '/app/l%6Fgin',
    '/app/l%256Fgin',
    '/%61pp/login',
    '/app/login.do',
    '/app/login.json',
    '/app/login.',
    '/app/login%20',
    '/app/login%09',
    '/app/login%FF',
    '/app/login,x',
    '/app/login:now',
    '/app/log%C4%B1n',
    '/app/%EF%BD%8Cogin',
    '/app/login?lang=ja',
    '/app/login/?lang=ja',
  ]
  for (const target of spellings) t.equal(kindOf(requestOf(target)), 'readable', target)
})

t.test('other paths are not logins', async (t) => {
  for (const target of [
    '/',
    '/app',
    '/app/',
    '/app/logins',
    '/app/login2',
    '/app/login-help',
    '/app/login/help',
    '/login',
  ])
    t.equal(kindOf(requestOf(target)), undefined, target)
  for (const target of ['/x/app/login', '/applogin', '/app/logi', '/app/login_x', '*', '/app?x=/app/login'])
    t.equal(kindOf(requestOf(target)), undefined, target)
})

t.test('where dot segments and encoded slashes are kept, each of their readings counts', async (t) => {
  const rules = new LoginRules([rule], keeps)
  for (const target of [
    '/app/./login',
    '/x/../app/login',
    '/app/x/../login',
    '/app%2Flogin',
    '/app%2flogin/',
    '/app/login%2F',
  ])
    t.equal(kindOf(requestOf(target), rules), 'readable', target)
  for (const target of ['/app%2Flogins', '/x/../login', '/app/../app'])
    t.equal(kindOf(requestOf(target), rules), undefined, target)
})

t.test('all below the path, where that is asked for', async (t) => {
  const rules = new LoginRules([{ ...rule, includeBelow: true }], strict)
  for (const target of ['/app/login', '/app/login/x', '/app/login/x/y', '/app/login.do/x'])
    t.equal(kindOf(requestOf(target), rules), 'readable', target)
  t.equal(kindOf(requestOf('/app/logins/x'), rules), undefined)
})

t.test('the root can be the login path, and a dot in a path means a dot', async (t) => {
  const root = new LoginRules([{ ...rule, path: '/' }], strict)
  t.equal(kindOf(requestOf('/'), root), 'readable')
  t.equal(kindOf(requestOf('/x'), root), undefined)
  const dotted = new LoginRules([{ ...rule, path: '/login.php' }], strict)
  t.equal(kindOf(requestOf('/login.php'), dotted), 'readable')
  t.equal(kindOf(requestOf('/loginxphp'), dotted), undefined)
})

t.test('each rule has its own field', async (t) => {
  const rules = new LoginRules([rule, { ...rule, path: '/api', loginIdField: 'user' }], strict)
  t.equal(rules.attempt(requestOf('/api'))?.rule.loginIdField, 'user')
  t.equal(rules.attempt(requestOf('/app/login'))?.rule.loginIdField, 'loginId')
  t.equal(kindOf(requestOf('/api?user=x'), rules), 'unreadable')
  t.equal(kindOf(requestOf('/api?loginId=x'), rules), 'readable')
})

t.test('what has no body logs nobody in, unless it should have one', async (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE'])
    t.equal(kindOf(requestOf('/app/login', { method, framing: noBody })), undefined, method)
  for (const method of ['POST', 'PUT', 'PATCH'])
    for (const framing of [noBody, bodyOfLength(0)])
      t.equal(kindOf(requestOf('/app/login', { method, framing })), 'unreadable', method)
  for (const method of ['GET', 'DELETE', 'OPTIONS'])
    t.equal(kindOf(requestOf('/app/login', { method })), 'readable', `${method} with a body`)
  t.equal(kindOf(requestOf('/app/login?loginId=x', { method: 'GET', framing: noBody })), 'unreadable')
  t.equal(kindOf(requestOf('/app/login', { method: 'GET', framing: noBody, webSocket: true })), 'unreadable')
})

t.test('size', async (t) => {
  t.equal(kindOf(requestOf('/app/login', { framing: bodyOfLength(100) })), 'readable')
  t.equal(kindOf(requestOf('/app/login', { framing: bodyOfLength(101) })), 'too_large')
  t.equal(kindOf(requestOf('/app/login', { framing: chunkedBody })), 'readable', 'counted as it comes')
})

t.test('types that are read', async (t) => {
  for (const value of [
    'application/x-www-form-urlencoded',
    'application/X-WWW-Form-URLEncoded; charset=UTF-8',
    'application/json',
    'application/json;charset="utf-8"',
  ])
    t.equal(kindOf(requestOf('/app/login', { fields: ['content-type', value] })), 'readable', value)
})

t.test('types that are not', async (t) => {
  for (const value of [
    '',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded; charset=shift_jis',
    'application/x-www-form-urlencoded; charset=utf-7',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; boundary=x',
    'application/json, multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded;',
    'application/problem+json',
    'text/json',
  ])
    t.equal(kindOf(requestOf('/app/login', { fields: ['Content-Type', value] })), 'unreadable', value)
  t.equal(kindOf(requestOf('/app/login', { fields: [] })), 'unreadable', 'none')
})

t.test('a type said twice, or in a way that applications see and others do not, is not read', async (t) => {
  for (const fields of [
    [...form, 'content-type', 'application/json'],
    [...form, ...form],
    [...form, 'Content_Type', 'application/json'],
    ['Content_Type', 'application/json'],
    [...form, 'Content.Type', 'application/json'],
    [...form, 'Content-Encoding', 'gzip'],
    [...form, 'Content-Encoding', 'identity'],
    [...form, 'content_encoding', 'gzip'],
  ])
    t.equal(kindOf(requestOf('/app/login', { fields })), 'unreadable', fields.join(' '))
  t.equal(kindOf(requestOf('/app/login', { connectionNominated: ['content-type'] })), 'unreadable')
  t.equal(kindOf(requestOf('/app/login', { fields: [...form, 'X-Content-Type', 'x'] })), 'readable')
})
