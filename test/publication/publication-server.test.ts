// Goal: what is published is served as caches and relying parties expect it, and nobody can hold the thread up.
// Method: the real server, asked by curl and by raw sockets, over TCP and over the Unix socket.
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { Publication } from '../../src/publication/ports.ts'
import { startPublicationServer } from '../../src/publication/publication-server.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { pemBlocks } from '../../src/x509/pem.ts'
import { startFakeGateway } from '../control-path/fake-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/openssl-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { operator, revocationOf } from '../store/samples.ts'
import { crlPath, deltaPath, signedWith, startPublishing } from './publishing-gateway.ts'

const root = createTestCa({ commonName: 'Root' })
const ca = root.childCa({ commonName: 'Bank CA' })

type Answer = { status: number; headers: Readonly<Record<string, string>>; body: Buffer }

async function curl(url: string, ...options: readonly string[]): Promise<Answer> {
  const args = ['--silent', '--show-error', '--include', '--max-time', '10', ...options, url]
  const { stdout, stderr, code } = await run('curl', args)
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`)
  const end = stdout.indexOf('\r\n\r\n')
  const [first = '', ...lines] = stdout.toString('latin1', 0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(first.split(' ')[1]), headers, body: stdout.subarray(end + 4) }
}

async function publish(t: Test, options: { requestsAtOnceMax?: number } = {}) {
  const gateway = await startFakeGateway(t)
  await gateway.store.publish([revocationOf(certificateKey(ca.issuerId, 'a1'))], operator)
  const publishing = await startPublishing(t, gateway, { ca, ...options })
  const record = await signedWith(publishing, 1)
  return { ...publishing, gateway, first: record, publishing }
}

t.test('lists carry what caches need, and are not sent twice', async (t) => {
  const { url, first, gateway, publishing } = await publish(t)
  const list = await curl(`${url}${crlPath}`)
  t.equal(list.status, 200)
  t.match(list.headers, {
    'content-type': 'application/pkix-crl',
    etag: /^"1-[0-9a-f]{32}"$/,
    'last-modified': new Date(first.thisUpdateMs).toUTCString(),
    expires: new Date(first.nextUpdateMs).toUTCString(),
    'cache-control': 'public, max-age=30',
    'content-length': String(list.body.length),
  })
  const { etag = '', 'last-modified': modified = '' } = list.headers
  const head = await curl(`${url}${crlPath}`, '--head')
  t.match(head, { status: 200, headers: { etag, 'content-length': String(list.body.length) } })
  const asked = (...headers: readonly string[]) =>
    curl(`${url}${crlPath}`, ...headers.flatMap((header) => ['--header', header]))
  for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const answer = await asked(`If-None-Match: ${header}`)
    t.match(answer, { status: 304, headers: { etag } }, header)
    t.equal(answer.body.length, 0)
  }
  t.equal((await asked('If-None-Match: "other"')).status, 200)
  t.equal((await asked(`If-Modified-Since: ${modified}`)).status, 304)
  t.equal((await asked('If-Modified-Since: Thu, 01 Jan 2015 00:00:00 GMT')).status, 200)
  t.equal((await asked('If-Modified-Since: 3000')).status, 200, 'no HTTP date')
  const both = await asked('If-None-Match: "other"', `If-Modified-Since: ${modified}`)
  t.equal(both.status, 200, 'If-None-Match counts, RFC 9110 13.2.2')
  t.equal((await asked('Range: bytes=0-1')).status, 200, 'ranges are not known')

  await gateway.store.publish([revocationOf(certificateKey(ca.issuerId, 'a2'))], operator)
  await signedWith(publishing, 2)
  t.equal((await asked(`If-None-Match: ${etag}`)).status, 200, 'a new list is another one')
  const counted = await eventually(
    () => publishing.counts.flatMap(({ lists }) => Object.entries(lists)),
    (counts) => counts.some(([status]) => status === '304'),
  )
  t.ok(counted.some(([status]) => status === '200'))
})

t.test('the certificates of the CAs', async (t) => {
  const { url } = await publish(t)
  const der = await curl(`${url}/pki/bank-ca.cer`)
  t.match(der, { status: 200, headers: { 'content-type': 'application/pkix-cert' } })
  t.ok(der.body.equals(Buffer.from(ca.der)))
  const pem = await curl(`${url}/pki/bank-ca.pem`)
  t.match(pem.headers, { 'content-type': 'application/pem-certificate-chain' })
  t.strictSame(pemBlocks(pem.body.toString(), 'CERTIFICATE'), [new Uint8Array(ca.der), new Uint8Array(root.der)])
  t.equal((await curl(`${url}/pki/bank-ca.cer`, '--header', `If-None-Match: ${der.headers.etag}`)).status, 304)
})

t.test('the Unix socket is for its owner, and answers alike', async (t) => {
  const { socketPath, url } = await publish(t)
  t.equal(statSync(socketPath).mode & 0o777, 0o600)
  const local = await curl(`http://localhost${crlPath}`, '--unix-socket', socketPath)
  t.ok(local.body.equals((await curl(`${url}${crlPath}`)).body))
  const proxied = await curl(`http://elsewhere.example${crlPath}?a=b`, '--proxy', url)
  t.equal(proxied.status, 200, 'a whole URL as target')
})

t.test('what is not there, and what cannot be done', async (t) => {
  const { url } = await publish(t)
  for (const path of [
    '/',
    '/pki',
    '/pki/',
    '/pki/other.crl',
    '/pki/other.cer',
    '/pki/bank-ca',
    '/pki/../pki/bank-ca.crl',
  ]) {
    t.equal((await curl(`${url}${path}`, '--path-as-is')).status, 404, path)
  }
  t.match(await curl(`${url}${crlPath}`, '--request', 'DELETE'), { status: 405, headers: { allow: 'GET, HEAD, POST' } })
  t.match(await curl(`${url}${crlPath}`, '--data', 'x'), { status: 405, headers: { allow: 'GET, HEAD' } })
  t.equal(await curl(`${url}${crlPath}`, '--header', `Long: ${'x'.repeat(20_000)}`).catch(() => 'closed'), 'closed')
  t.equal((await curl(`${url}${crlPath}`)).status, 200)
})

t.test('before the first list clients are told to come again', async (t) => {
  const gateway = await startFakeGateway(t)
  const signed = Promise.withResolvers<Uint8Array>()
  const signer = { ...createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined }), sign: () => signed.promise }
  const { url } = await startPublishing(t, gateway, { ca, signer })
  for (const path of [crlPath, deltaPath]) {
    t.match(await curl(`${url}${path}`), { status: 503, headers: { 'retry-after': '1' } })
  }
  t.equal((await curl(`${url}/pki/bank-ca.cer`)).status, 200)
  signed.resolve(new Uint8Array())
})

type ServerOptions = { publications: readonly Publication[]; requestsAtOnceMax?: number }

async function serve(t: Test, { publications, requestsAtOnceMax = 10 }: ServerOptions) {
  const handle = bindSocket({ host: '127.0.0.1', port: 0 })
  // Not t.testdir(): its path is too long for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-serve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const lines: string[] = []
  const server = await startPublicationServer({
    socketPath: join(folder, 'publication.sock'),
    handles: [handle],
    publications,
    requestsAtOnceMax,
    log: { error: (message) => void lines.push(message) },
  })
  t.teardown(() => server.close())
  const { port } = addressOf(handle)
  return { url: `http://127.0.0.1:${port}`, port, lines }
}

const text = (status: number, body: string) => ({
  status,
  headers: [],
  contentType: 'text/plain',
  body: [Buffer.from(body)],
})

t.test('bodies are bounded, faults keep to themselves', async (t) => {
  const { url, lines } = await serve(t, {
    publications: [
      {
        answer: (asked) => {
          if (asked.path === '/echo') return asked.body(10).then((body) => text(200, body.toString()))
          if (asked.path === '/fault') throw new GatewayError('ocsp_request_malformed', 'Cannot read this')
          return asked.path === '/bug' ? Promise.reject(new Error('secret')) : undefined
        },
      },
    ],
  })
  t.match(await curl(`${url}/echo`, '--data', '0123456789'), { status: 200, body: Buffer.from('0123456789') })
  t.equal((await curl(`${url}/echo`, '--data', '0123456789a')).status, 413)
  const chunked = ['--header', 'Transfer-Encoding: chunked', '--data', '0123456789a']
  t.equal((await curl(`${url}/echo`, ...chunked)).status, 413)
  t.match(await curl(`${url}/fault`), { status: 400, body: Buffer.from('Cannot read this\n') })
  const bug = await curl(`${url}/bug`)
  t.equal(bug.status, 500)
  t.notMatch(bug.body.toString(), /secret/)
  t.strictSame(lines, ['a publication failed'])
})

t.test('one request too many gets 503, and a place is free again', async (t) => {
  const held = Promise.withResolvers<void>()
  let waiting = 0
  const slow: Publication = {
    answer: () => {
      waiting++
      return held.promise.then(() => text(200, 'done'))
    },
  }
  const { url } = await serve(t, { publications: [slow], requestsAtOnceMax: 2 })
  const first = [curl(url), curl(url)]
  await eventually(
    () => waiting,
    (count) => count === 2,
  )
  t.match(await curl(url), { status: 503, headers: { 'retry-after': '1' } })
  held.resolve()
  for (const answer of first) t.equal((await answer).status, 200)
  t.equal((await curl(url)).status, 200)
})

t.test('a big body goes at the pace of the client, and one that goes away frees its place', async (t) => {
  const parts = Array.from({ length: 40 }, (_, at) => Buffer.alloc(1 << 20, at))
  const big: Publication = {
    answer: () => Promise.resolve({ ...text(200, ''), body: parts }),
  }
  const { url, port } = await serve(t, { publications: [big], requestsAtOnceMax: 1 })
  const whole = await curl(url)
  t.ok(whole.body.equals(Buffer.concat(parts)))
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n')
  await once(socket, 'connect')
  t.equal(
    (
      await eventually(
        () => curl(url),
        ({ status }) => status === 503,
      )
    ).status,
    503,
    'it holds the only place',
  )
  const growth = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before
  t.ok(growth < 20 << 20, `what it does not read is not copied for it: ${growth}`)
  socket.destroy()
  await eventually(
    () => curl(url, '--head'),
    ({ status }) => status === 200,
  )
})

t.test('keep-alive serves several requests on one connection', async (t) => {
  const { port } = await serve(t, { publications: [{ answer: () => Promise.resolve(text(200, 'again')) }] })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const sockets = new Set<unknown>()
  for (let count = 0; count < 3; count++) {
    const asked = request({ host: '127.0.0.1', port, agent })
    asked.end()
    const [answer] = await once(asked, 'response')
    sockets.add(answer.socket)
    t.equal((await buffer(answer)).toString(), 'again')
  }
  t.equal(sockets.size, 1)
})

t.test('openssl verifies a certificate against the list that curl fetched', async (t) => {
  const { url, publishing, gateway } = await publish(t)
  const good = ca.issueClient({ commonName: 'user01' })
  const bad = ca.issueClient({ commonName: 'user02' })
  await gateway.store.publish([revocationOf(certificateKey(ca.issuerId, bad.serial))], operator)
  await signedWith(publishing, 2)
  const folder = t.testdir({
    'root.pem': root.certificatePem,
    'ca.pem': ca.certificatePem,
    'good.pem': good.certificatePem,
    'bad.pem': bad.certificatePem,
  })
  const fetched = await curl(`${url}${crlPath}`)
  const base64 = fetched.body.toString('base64').replace(/.{64}/g, '$&\n')
  writeFileSync(join(folder, 'list.pem'), `-----BEGIN X509 CRL-----\n${base64}\n-----END X509 CRL-----\n`)
  const verdict = async (name: string) => {
    const file = (other: string) => join(folder, other)
    const trust = ['-CAfile', file('root.pem'), '-untrusted', file('ca.pem'), '-CRLfile', file('list.pem')]
    const { stdout, stderr } = await run('openssl', ['verify', '-crl_check', ...trust, file(name)])
    return `${stdout}${stderr}`
  }
  t.match(await verdict('good.pem'), /: OK/)
  t.match(await verdict('bad.pem'), /certificate revoked/)
})
