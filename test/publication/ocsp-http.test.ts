// Goal: requests in a path are read as clients really send them, and HTTP caches are told what they may keep. Method: the responder without
// HTTP for spellings and headers; curl and a hand-written request over a socket for what a server makes of them.
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { PublicationAnswer } from '../../src/publication/ports.ts'
import { readOcspResponse } from '../../src/x509/ocsp/read-response.ts'
import { run } from '../helpers/openssl-client.ts'
import { getOf, OcspSetting, type ocspSettings, postOf, serve, statusIn } from './ocsp-setting.ts'

async function start(
  t: { teardown: (end: () => void) => unknown },
  changes: Partial<typeof ocspSettings> = {},
): Promise<OcspSetting> {
  const setting = new OcspSetting(systemClock.nowMs(), changes)
  await setting.responder.start()
  t.teardown(() => setting.responder.close())
  return setting
}

/** A certificate whose request has `+`, `/` and `//` in its base64, and `=` at the end. */
function awkward(setting: OcspSetting): { serial: string; base64: string } {
  for (let number = 0; number < 1_000_000; number++) {
    const serial = (0xf_bef_bef_fff_000 + number).toString(16)
    const base64 = Buffer.from(setting.ask([serial])).toString('base64')
    if (!/\+/.test(base64) || !/\/\//.test(base64) || !base64.endsWith('=')) continue
    setting.directory.set(setting.keyOf(serial), { recorded: true, loginId: 'user01', notBeforeMs: 0 })
    return { serial, base64 }
  }
  throw new Error('No such request')
}

async function get(setting: OcspSetting, path: string, headers = {}): Promise<PublicationAnswer> {
  const answer = await setting.responder.answer(getOf(path, headers))
  if (answer === undefined) throw new Error(`Not for the responder: ${path}`)
  return answer
}

const headersOf = ({ headers }: PublicationAnswer) => Object.fromEntries(headers)

t.test('the path, in every spelling', async (t) => {
  const setting = await start(t)
  const { base64 } = awkward(setting)
  const all = base64.replace(/./g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  for (const [what, path] of Object.entries({
    'as it is': base64,
    'percent-encoded': encodeURIComponent(base64),
    'lower-case percent-encoding': encodeURIComponent(base64).replace(/%../g, (code) => code.toLowerCase()),
    'every character percent-encoded': all,
    'a URL that ends in a slash': `/${base64}`,
    'without padding': base64.replace(/=+$/, ''),
  })) {
    t.equal(statusIn(await get(setting, `/ocsp/${path}`)), 'good', what)
  }
  t.equal(setting.lookUps.length, 1)
})

t.test('paths that hold no request', async (t) => {
  const setting = await start(t)
  const { base64 } = awkward(setting)
  for (const path of [
    '',
    '/',
    '/%',
    '/%zz',
    '/%ff',
    `/${base64.slice(0, -8)}`,
    `/${base64}!`,
    '/AAAA',
    `/${base64}/x`,
  ]) {
    const answer = await get(setting, `/ocsp${path}`)
    t.equal(statusIn(answer), 'malformedRequest', path)
    t.match(answer, { status: 200, contentType: 'application/ocsp-response' })
    t.equal(headersOf(answer)['cache-control'], 'no-store')
  }
  const { requestBytesMax } = { requestBytesMax: 16_384 }
  const long = 'A'.repeat(Math.ceil((requestBytesMax * 4) / 3) + 8)
  t.equal((await get(setting, `/ocsp/${long}`)).status, 413)
  t.equal((await get(setting, `/ocsp/${'%41'.repeat(long.length * 2)}`)).status, 413)
})

t.test('what is not for the responder', async (t) => {
  const { responder } = await start(t)
  for (const path of ['/', '/ocspx', '/pki/users.crl', '/OCSP']) t.equal(responder.answer(getOf(path)), undefined, path)
  t.equal(responder.answer({ ...postOf(new Uint8Array()), path: '/ocsp/x' }), undefined)
  const answer = await responder.answer({ ...postOf(new Uint8Array()), path: '/ocsp/' })
  t.equal(answer?.status, 200)
})

t.test('headers for caches, and 304 while the answer is the same', async (t) => {
  const setting = await start(t)
  const { base64, serial } = awkward(setting)
  const path = `/ocsp/${base64}`
  const first = await get(setting, path)
  const signedAtMs = Math.floor(setting.clock.nowMs() / 1_000) * 1_000
  const expected = {
    'cache-control': 'max-age=30, public, no-transform, must-revalidate',
    expires: new Date(signedAtMs + 300_000).toUTCString(),
    'last-modified': new Date(signedAtMs).toUTCString(),
  }
  t.match(headersOf(first), expected)
  const { etag = '' } = headersOf(first)
  t.match(etag, /^"[\w-]{43}"$/)
  setting.clock.advance(60_000)
  for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await get(setting, path, { 'if-none-match': condition })
    t.match(again, { status: 304, body: [] }, condition)
    t.same(headersOf(again), headersOf(first))
  }
  t.equal((await get(setting, path, { 'if-none-match': '"other"' })).status, 200)
  setting.revoke(serial)
  const revoked = await get(setting, path, { 'if-none-match': etag })
  t.equal(revoked.status, 200, 'no cache hears that its good answer is still good')
  t.equal(statusIn(revoked), 'revoked')
  t.not(headersOf(revoked).etag, etag)
})

t.test('nobody is told to keep an answer beyond its validity', async (t) => {
  const setting = await start(t, { validitySeconds: 100, maxAgeSeconds: 60 })
  const path = `/ocsp/${awkward(setting).base64}`
  const maxAge = async () => /max-age=(\d+)/.exec(headersOf(await get(setting, path))['cache-control'] ?? '')?.[1]
  t.equal(await maxAge(), '60')
  setting.directoryAway = true
  setting.clock.advance(80_000)
  t.match(await maxAge(), /^(19|20)$/)
})

t.test('answers that are not kept: to a POST, with a nonce, failures', async (t) => {
  const setting = await start(t)
  const { serial, base64 } = awkward(setting)
  t.same((await setting.post(setting.ask([serial]))).headers, [], 'to a POST')
  const conditional = { ...postOf(setting.ask([serial])), header: () => '*' }
  t.equal((await setting.responder.answer(conditional))?.status, 200, 'a condition says nothing to a POST')
  const withNonce = Buffer.from(setting.ask([serial], Buffer.alloc(16, 1))).toString('base64')
  t.same((await get(setting, `/ocsp/${encodeURIComponent(withNonce)}`)).headers, [['cache-control', 'no-store']])
  setting.clock.advance(301_000)
  const later = await get(setting, `/ocsp/${base64}`, { 'if-none-match': '*' })
  t.equal(statusIn(later), 'tryLater')
  t.same(later.headers, [['cache-control', 'no-store']])
})

t.test('curl posts and gets', async (t) => {
  const setting = await start(t)
  const port = await serve(setting.responder, t)
  const { serial, base64 } = awkward(setting)
  const folder = t.testdir({})
  const body = join(folder, 'request.der')
  writeFileSync(body, setting.ask([serial]))
  const curl = async (args: readonly string[]) => {
    const { stdout } = await run('curl', ['-s', '-i', '--path-as-is', ...args])
    const end = stdout.indexOf('\r\n\r\n')
    return { head: stdout.subarray(0, end).toString(), body: stdout.subarray(end + 4) }
  }
  const url = `http://127.0.0.1:${port}/ocsp`
  const type = ['-H', 'Content-Type: application/ocsp-request']
  const posted = await curl([...type, '--data-binary', `@${body}`, url])
  t.match(posted.head, /^HTTP\/1\.1 200[\s\S]*content-type: application\/ocsp-response/)
  t.match(readOcspResponse(posted.body), { basic: { answers: [{ status: 'good' }] } })
  for (const path of [base64, encodeURIComponent(base64)]) {
    const got = await curl([`${url}/${path}`])
    t.match(got.head, /\r\ncache-control: max-age=30, public/, path)
    t.match(readOcspResponse(got.body), { basic: { answers: [{ status: 'good' }] } })
    const etag = /\r\netag: (\S+)/.exec(got.head)?.[1] ?? ''
    const again = await curl(['-H', `If-None-Match: ${etag}`, `${url}/${path}`])
    t.match(again.head, /^HTTP\/1\.1 304/)
    t.equal(again.body.length, 0)
  }
  writeFileSync(body, Buffer.alloc(700_000, 0x30))
  t.match((await curl([...type, '-H', 'Expect:', '--data-binary', `@${body}`, url])).head, /^HTTP\/1\.1 413/)
})

t.test('a request written by hand', async (t) => {
  const setting = await start(t)
  const port = await serve(setting.responder, t)
  const socket = connect({ host: '127.0.0.1', port })
  socket.setEncoding('latin1')
  socket.end(`GET /ocsp//${awkward(setting).base64} HTTP/1.1\r\nHost: ca.example\r\nConnection: close\r\n\r\n`)
  const answer = await text(socket)
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1')
  t.match(readOcspResponse(body.subarray(body.indexOf(0x30))), { basic: { answers: [{ status: 'good' }] } })
})
