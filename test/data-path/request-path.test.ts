// Goal: no spelling of a path slips past the route it belongs to. Method: a table of spellings with what is made of them, and random
// paths, which are compared with how common applications resolve them.
import { posix } from 'node:path'
import t from 'tap'
import { matchedPath, otherReadings, type PathRules } from '../../src/data-path/request-path.ts'
import { createRandom, type Random } from '../fuzz/random.ts'

const strict: PathRules = { encodedSlashes: 'refuse', dotSegments: 'refuse' }
const keepsSlashes: PathRules = { ...strict, encodedSlashes: 'keep' }
const keepsDots: PathRules = { ...strict, dotSegments: 'keep' }
const keepsBoth: PathRules = { encodedSlashes: 'keep', dotSegments: 'keep' }

t.test('one path in many spellings is one path', async (t) => {
  for (const target of [
    '/admin/x',
    '/admin/x?../../public',
    '/%61dmin/x',
    '/%61%64%6D%69%6e/%78',
    '//admin///x',
    '/admin;a=b/x;c',
    '/;a/admin/x',
    '/admin%3Bdebug/x%253b',
    '/admin%3Fa/x%23b',
    '/%2561dmin/x',
    '/%25252561dmin/x',
  ])
    t.equal(matchedPath(target, strict), '/admin/x', target)
})

t.test('what is plainly one path is left as it is', async (t) => {
  for (const path of [
    '/',
    '/a',
    '/a/',
    '/a/b.c',
    '/a..b/c',
    '/...',
    '/.well-known/x',
    '/a%20b',
    '/%E3%81%82',
    '*',
    '/a%25',
  ]) {
    t.equal(matchedPath(path, strict), path)
  }
  t.equal(matchedPath('/?a=%2e%2e/..;%zz%00', strict), '/', 'the query is nobody’s path')
})

t.test('what two applications read in two ways is refused', async (t) => {
  for (const target of [
    '/public/../admin',
    '/public/./x',
    '/..',
    '/.',
    '/%2e%2e/admin',
    '/.%2E/admin',
    '/public/..;/admin',
    '/public/..;a=b/admin',
    '/public/..%3b/admin',
    '/public/%252e%252e/admin',
    '/public/..%3fx/admin',
    '/public%2fadmin',
    '/public%2Fadmin',
    '/public%5cadmin',
    '/public%252fadmin',
    '/public%25255Cadmin',
    '/public%00',
    '/public%2500',
    '/public%u002e',
    '/public%',
    '/public%2',
    '/%%36%31dmin',
    '/%25%36%31dmin',
    '/%c0%ae%c0%ae/admin',
    '/%C1%A1dmin',
  ])
    t.equal(matchedPath(target, strict), undefined, target)
})

t.test('kept encoded slashes are part of their segment, and may be slashes', async (t) => {
  t.equal(matchedPath('/files/a%2Fb', keepsSlashes), '/files/a%2Fb')
  t.same(otherReadings('/files/a%2Fb'), ['/files/a/b', '/files/a/b'])
  t.ok(otherReadings('/public%5cadmin').includes('/public/admin'))
  for (const target of ['/a%2f..%2fb', '/a%2f../b', '/a/..%5cb', '/a/%2e%2e%2fb', '/a/../b%2f']) {
    t.equal(matchedPath(target, keepsBoth), undefined, `${target}: never together with dot segments`)
  }
  t.equal(matchedPath('/a;%2fb', keepsBoth), undefined, 'nor in a parameter')
  t.equal(matchedPath('/a%2fb;c', keepsBoth), '/a%2fb')
})

t.test('kept dot segments are resolved, and may be names', async (t) => {
  t.equal(matchedPath('/files/../admin/./x', keepsDots), '/admin/x')
  t.equal(matchedPath('/../admin', keepsDots), '/admin')
  t.same(otherReadings('/files/../admin'), ['/files/../admin', '/admin'])
  t.same(otherReadings('/files//../admin'), ['/files/../admin', '/files/admin'])
  for (const target of ['/a/%2e%2e/b', '/a/..;/b', '/a;x/../b', '/a/.%2e/b'])
    t.equal(matchedPath(target, keepsBoth), undefined, `${target}: only as plain as can be`)
})

/** How applications, and what stands before them, come from a path to the one they look up. */
const readers: Record<string, (path: string) => string> = {
  'as it stands': (path) => path,
  'decoded, by posix rules': (path) => posix.normalize(decode(path)),
  'decoded twice, by posix rules': (path) => posix.normalize(decode(decode(path))),
  'posix rules, then decoded': (path) => decode(posix.normalize(path)),
  'the URL parser of browsers and Node': (path) => new URL(`http://app${path}`).pathname,
  'that, decoded': (path) => decode(new URL(`http://app${path}`).pathname),
  'like Tomcat: parameters, decoding, slashes, dots': (path) => posix.normalize(decode(withoutParameters(path))),
  'decoded before its parameters go': (path) => posix.normalize(withoutParameters(decode(path))),
  'dots resolved before its parameters go': (path) => decode(withoutParameters(posix.normalize(path))),
  'decoded before the query goes': (path) => posix.normalize(decode(path).split(/[?#]/)[0] ?? ''),
  'with backslashes as slashes': (path) => posix.normalize(decode(path).replaceAll('\\', '/')),
  'slashes merged, nothing else': (path) => path.replace(/\/+/g, '/'),
  'on a file system that heeds no case': (path) => posix.normalize(decode(path)).toLowerCase(),
}

function decode(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '')
}

const pieces = [
  ...['/', '/', '/', '//', 'admin', 'admin', 'aDmin', '%61dmin', 'adm%69n', '%2561dmin', '%%361dmin', 'public', 'sub'],
  ...['..', '..', '.', '%2e', '%2E%2e', '.%2e', '%252e%252e', '..;', ';', ';a=b', '%3b', '%3f', '%23', '%2f', '%2F'],
  ...['%5c', '%252f', '%', '%25', '%20', '%00', 'x', '-', '%c0%ae', '%c0%af'],
]

function randomPath(random: Random): string {
  const count = 1 + random.integer(9)
  return `/${Array.from({ length: count }, () => random.pick(pieces)).join('')}`
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

t.test('normalising twice changes nothing', async (t) => {
  const random = createRandom(20_261_122)
  for (let round = 0; round < 20_000; round++) {
    const path = randomPath(random)
    for (const rules of [strict, keepsSlashes, keepsDots, keepsBoth]) {
      const once = matchedPath(path, rules)
      if (once === undefined) continue
      if (matchedPath(once, rules) !== once) t.fail(`${path} becomes ${once} and then ${matchedPath(once, rules)}`)
    }
  }
})

t.test('what any application finds below a prefix is found there, or refused', async (t) => {
  const random = createRandom(7)
  const found = new Map<string, number>()
  for (let round = 0; round < 60_000; round++) {
    const path = randomPath(random)
    for (const rules of [strict, keepsSlashes, keepsDots, keepsBoth]) {
      const own = matchedPath(path, rules)
      if (own === undefined) continue
      const readings = rules === strict ? [own] : [own, ...otherReadings(path)]
      for (const prefix of ['/admin', '/public/admin']) {
        // A table takes the route of `own` only where all readings agree.
        const taken = readings.some((reading) => isBelow(reading.toLowerCase(), prefix))
        for (const [name, read] of Object.entries(readers)) {
          if (!isBelow(read(path).toLowerCase(), prefix)) continue
          found.set(name, (found.get(name) ?? 0) + 1)
          if (!taken) t.fail(`${path} is ${own}, but ${name}: ${read(path)}`)
        }
      }
    }
  }
  for (const name of Object.keys(readers)) t.ok((found.get(name) ?? 0) > 100, `${name}: ${found.get(name)}`)
})
