// Goal: whatever a server does instead of giving a list, what is known stays in force, it costs no more than the limits say, and it is told.
// Method: a real HTTP server that misbehaves in every way; after each the good list is taken.
import { ftruncateSync, mkdirSync, openSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { crlOf } from '../helpers/test-crl.ts'
import {
  type CrlGateway,
  limits as defaults,
  file,
  listOf,
  startCrlGateway,
  startWithList,
  takesAgain,
} from './crl-setting.ts'

const nowMs = systemClock.nowMs()

/** Answers that are no answer, with the limits they meet. */
const badAnswers: Readonly<
  Record<string, [(response: ServerResponse, list: Uint8Array) => void, RegExp, Parameters<CrlGateway['reload']>[1]?]>
> = {
  'an error page': [(response, list) => response.writeHead(500).end(list), /status 500/],
  'a part of it': [(response, list) => response.writeHead(206).end(list), /status 206/],
  'a 304 that was not asked for': [(response) => response.writeHead(304).end(), /status 304/],
  'gzip, which may hide a thousand times its size': [
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20_000_000))),
    /content coding.*gzip/,
  ],
  'a Content-Length of 200 MB': [
    (response) => response.writeHead(200, { 'content-length': 200_000_000 }).write('0'),
    /200000000 bytes and at most/,
  ],
  'more than is taken, without saying so': [
    (response) => {
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    },
    /more than 10000000 bytes/,
  ],
  'less than its Content-Length': [
    (response, list) => {
      response.writeHead(200, { 'content-length': list.length + 100 })
      response.write(list, () => response.destroy())
    },
    /cannot be transferred/,
  ],
  'more than its Content-Length': [
    (response, list) => {
      const socket = response.socket
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${list.length - 100}\r\n\r\n`
      socket?.end(Buffer.concat([Buffer.from(head), list]))
    },
    /./,
  ],
  'half of it and then nothing': [
    (response, list) => {
      response.writeHead(200, { 'content-length': list.length })
      response.write(list.subarray(0, list.length / 2))
    },
    /not a byte came for 700 ms/,
    { idleTimeoutMs: 700 },
  ],
  'nothing at all': [() => {}, /not a byte came for 700 ms/, { idleTimeoutMs: 700 }],
  'a byte now and then (slow loris)': [
    (response, list) => {
      let at = 0
      const timer = setInterval(() => response.write(list.subarray(at, ++at)), 20)
      response.on('close', () => clearInterval(timer))
    },
    /not here within 1500 ms/,
    { idleTimeoutMs: 1_000, timeoutMs: 1_500 },
  ],
  'a redirect to itself': [(response) => response.writeHead(302, { location: '/crl' }).end(), /more than 3 times/],
  'a redirect to nowhere': [(response) => response.writeHead(302).end(), /says not where to/],
  'a redirect to a file': [
    (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    /no plain web URL/,
  ],
  'a reset': [(response) => response.socket?.resetAndDestroy(), /ECONNRESET/],
}

for (const [name, [answer, fault, limits]] of Object.entries(badAnswers)) {
  t.test(`a server that gives ${name} is unreachable`, async (t) => {
    const setting = await startWithList(t, limits === undefined ? {} : { limits })
    const { server, gateway } = setting
    const list = crlOf(gateway.ca, nowMs, { number: 11, serials: Array.from({ length: 50 }, (_, at) => `b${at}`) })
    server.answer = (_request, response) => answer(response, list)
    const [status] = await gateway.sources.lookNow()
    t.match(status, { fault, number: '10' })
    t.match(status?.result, /^(unreachable|unreadable)$/)
    t.strictSame(gateway.posted, ['a1'])
    t.ok(server.requests.length <= 2 + defaults.redirectsMax, 'no more is asked than is configured')
    await takesAgain(t, setting)
  })
}

t.test('redirects are followed as far as configured', async (t) => {
  const { server, gateway } = await startWithList(t)
  const list = crlOf(gateway.ca, nowMs, { number: 11, serials: ['b1'] })
  server.answer = ({ url: path = '' }, response) => {
    const next = { '/crl': '/two', '/two': '/three', '/three': '/four' }[path]
    if (next === undefined) response.end(list)
    else response.writeHead(path === '/two' ? 308 : 301, { location: next }).end()
  }
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', place: `${server.url}/crl` }])
})

t.test('a file of 200 MB is refused before it is read; a folder and a pipe are no lists', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'large.crl')
  ftruncateSync(openSync(path, 'w'), 200_000_000)
  mkdirSync(join(folder, 'folder.crl'))
  const from = [file(path), file(join(folder, 'folder.crl')), file('/dev/zero'), file(join(folder, 'none.crl'))]
  const gateway = await startCrlGateway(t, { lists: [listOf({ from })] })
  const [status] = await gateway.sources.lookNow()
  t.equal(status?.result, 'unreachable')
  t.match(status?.fault, /200000000 bytes.*plain file.*plain file.*ENOENT/s)
})

t.test('more entries than configured are refused', async (t) => {
  const setting = await startWithList(t, { limits: { entriesMax: 2 } })
  setting.server.give(crlOf(setting.gateway.ca, nowMs, { number: 11, serials: ['b1', 'b2', 'b3'] }))
  t.match(await setting.gateway.sources.lookNow(), [{ result: 'refused', fault: /entriesMax/ }])
  await takesAgain(t, setting)
})
