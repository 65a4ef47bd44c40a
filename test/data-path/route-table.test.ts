// Goal: each request takes the one route that was meant for it, and none where that is not certain. Method: tables of routes are
// asked for hosts and targets in many spellings.
import t from 'tap'
import type { PathRules } from '../../src/data-path/request-path.ts'
import { type Route, RouteTable } from '../../src/data-path/route-table.ts'

const strict: PathRules = { encodedSlashes: 'refuse', dotSegments: 'refuse' }

/** A table of routes that are named after what they take. */
function table(routes: readonly { prefix: string; hosts?: string[] }[], rules = strict): RouteTable {
  return new RouteTable(
    routes.map(({ prefix, hosts = [] }): Route => {
      const name = `${hosts.join(',')}${prefix}`
      const fixed = { kind: 'route', certificate: 'asDoor', methods: undefined, webSocket: true } as const
      // Where a request goes is none of the table's business.
      const exchanges = {} as Route['exchanges']
      return { ...fixed, name, hosts, pathPrefix: prefix, exchanges }
    }),
    rules,
  )
}

/** The name of the route that was found, or why there is none. */
function found(routes: RouteTable, target: string, host = 'bank.test'): string | undefined {
  const route = routes.find(host, target)
  return typeof route === 'object' ? route.name : route
}

const usual = table([{ prefix: '/' }, { prefix: '/api' }, { prefix: '/api/admin' }, { prefix: '/public' }])

t.test('the longest prefix wins, by whole segments', async (t) => {
  for (const [target, name] of [
    ['/', '/'],
    ['/?a=/api', '/'],
    ['*', '/'],
    ['/apis', '/'],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/api?x', '/api'],
    ['/api/adminx', '/api'],
    ['/api-admin', '/'],
    ['/api/admin', '/api/admin'],
    ['/api/admin/users?x=y', '/api/admin'],
    ['/x/api/admin', '/'],
  ] as const)
    t.equal(found(usual, target), name, target)
})

t.test('spelling a path in another way does not change its route', async (t) => {
  for (const target of [
    '/api/%61dmin',
    '/%61pi/admin',
    '//api//admin',
    '/api;v=1/admin;x',
    '/;/api/admin',
    '/API/Admin',
    '/api/admin%3bx',
    '/api/%2561dmin',
    '/api/ADM%69N/',
  ])
    t.equal(found(usual, target), '/api/admin', target)
  for (const target of ['/api/x/../admin', '/api%2fadmin', '/api/%2e%2e/api/admin', '/api/..;/admin', '/api/admin%00'])
    t.equal(found(usual, target), 'ambiguous', target)
})

t.test('where a host has routes of its own they come first, and the others follow', async (t) => {
  const routes = table([
    { prefix: '/' },
    { prefix: '/api/deep' },
    { prefix: '/api', hosts: ['a.test', 'b.test'] },
    { prefix: '/', hosts: ['b.test'] },
  ])
  for (const [host, target, name] of [
    ['c.test', '/api', '/'],
    ['c.test', '/api/deep', '/api/deep'],
    ['a.test', '/api/deep', 'a.test,b.test/api'],
    ['a.test', '/x', '/'],
    ['b.test', '/api', 'a.test,b.test/api'],
    ['b.test', '/x', 'b.test/'],
    ['b.test', '/deep', 'b.test/'],
  ] as const)
    t.equal(found(routes, target, host), name, `${host} ${target}`)
})

t.test('what no route takes is found nowhere', async (t) => {
  const routes = table([{ prefix: '/api' }, { prefix: '/only', hosts: ['a.test'] }])
  for (const target of ['/', '*', '/apix', '/only']) t.equal(found(routes, target), undefined, target)
  t.equal(found(routes, '/only/x', 'a.test'), 'a.test/only')
  t.equal(found(table([]), '/'), undefined)
  t.equal(found(table([]), '/../x'), 'ambiguous')
})

t.test('the gateway’s own paths take none of an application’s routes, in whatever spelling', async (t) => {
  for (const target of ['/.sekisho/jwks.json', '/.sekisho', '/%2esekisho/x', '//.sekisho/', '/.SEKISHO;x/y'])
    t.equal(found(usual, target), undefined, target)
  t.equal(found(usual, '/.well-known/security.txt'), '/')
  t.equal(found(usual, '/.sekishop'), '/')
})

t.test('they take the routes of its own pages, and nothing else does', async (t) => {
  const routes = table([{ prefix: '/' }, { prefix: '/.sekisho' }, { prefix: '/.sekisho/users/revoke' }])
  for (const [target, name] of [
    ['/.sekisho/issue?lang=ja', '/.sekisho'],
    ['/%2esekisho/issue', '/.sekisho'],
    ['/.sekisho/users', '/.sekisho'],
    ['/.sekisho/users/revoke', '/.sekisho/users/revoke'],
    ['/.sekisho/users/revoked', '/.sekisho'],
    ['/.sekishop', '/'],
    ['/x/.sekisho/issue', '/'],
  ] as const)
    t.equal(found(routes, target), name, target)
})

t.test('kept encoded slashes pass where both readings take the same route', async (t) => {
  const routes = table([{ prefix: '/' }, { prefix: '/files' }, { prefix: '/files/secret' }], {
    ...strict,
    encodedSlashes: 'keep',
  })
  t.equal(found(routes, '/files/a%2Fb'), '/files')
  t.equal(found(routes, '/a%2Fb%5Cc'), '/')
  t.equal(found(routes, '/files/secret/a%2Fb'), '/files/secret')
  for (const target of ['/files%2Fa', '/files/secret%2fa', '/files%5csecret', '/files/..%2fx', '/files/x/../a%2fb'])
    t.equal(found(routes, target), 'ambiguous', target)
})

t.test('kept dot segments pass where both readings take the same route', async (t) => {
  const routes = table([{ prefix: '/' }, { prefix: '/files' }, { prefix: '/admin' }], {
    ...strict,
    dotSegments: 'keep',
  })
  t.equal(found(routes, '/files/a/../b/./c'), '/files')
  t.equal(found(routes, '/a/../b'), '/')
  for (const target of [
    '/files/../admin',
    '/admin/../files',
    '/x/../admin',
    '/../admin',
    '/./admin',
    '/admin/x/../../y',
    '/files//../admin',
    '/admin//../y',
    '/files/%2e%2e/a',
    '/x/../.sekisho/y',
  ])
    t.not(typeof routes.find('', target), 'object', target)
})
