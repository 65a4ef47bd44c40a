// Goal: a reload through the admin door tells what it did, and the door goes over to other certificates, CAs and processes.
// Method: a real door on loopback; a connection kept open over the change; certificates of the old and the new CAs.
import { Agent, request as startRequest } from 'node:https'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { issueOperator, operators, operatorsCa, serverCa, withAdmin } from './with-admin.ts'

t.test('a reload is asked for under the name of the operator; a refusal is a problem with every reason', async (t) => {
  const { call, reloads } = await withAdmin(t)
  t.match(await call('POST', '/v1/reload'), { status: 200, body: { result: 'unchanged', warnings: [] } })
  t.match(reloads.causes, [{ kind: 'operator', name: 'sato.hanako', requestId: /-/ }])
  reloads.result = { result: 'refused', problems: ['Cannot use a as b', 'Cannot use c as d'] }
  t.match(await call('POST', '/v1/reload'), {
    status: 409,
    body: { code: 'reload_refused', detail: 'Cannot use a as b\nCannot use c as d', status: 409 },
  })
  t.equal((await call('POST', '/v1/reload?dryRun=true')).status, 400)
  t.equal((await call('POST', '/v1/reload', { headers: { Origin: 'https://evil.example' } })).status, 400)
  t.equal(reloads.causes.length, 2)
})

/** The status a request gets over a connection that stays open, and the serial number of the door's certificate there. */
function keepConnection(t: Test, port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const { chainPem: cert, keyPem: key } = operators.security
  return () =>
    new Promise<{ status: number; reused: boolean }>((resolve, reject) => {
      const ca = serverCa.certificatePem
      const target = { host: '127.0.0.1', port, path: '/v1/status', agent, cert, key, ca }
      const request = startRequest(target, (response) => {
        response.resume()
        response.on('end', () => resolve({ status: response.statusCode ?? 0, reused: request.reusedSocket }))
      })
      request.on('error', reject)
      request.end()
    })
}

/** Fingerprint of the certificate the door shows for this name. */
function showCertificate(port: number, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { chainPem: cert, keyPem: key } = operators.security
    const socket = connect({ host: '127.0.0.1', port, servername, cert, key, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

t.test('other server certificates and operator CAs, once they are put in use', async (t) => {
  const { call, door, port } = await withAdmin(t)
  const onConnection = keepConnection(t, port)
  const nextCa = createTestCa({ commonName: 'next operators' })
  const nextOperator = issueOperator(['security'], { ca: nextCa })
  const before = await showCertificate(port, 'localhost')
  const [first, second] = [serverCa.issueServer(), serverCa.issueServer()]
  const use = door.prepare({
    serverCertificates: [
      { certificatePem: first.chainPem, keyPem: first.keyPem, names: ['localhost', '127.0.0.1'] },
      { certificatePem: second.chainPem, keyPem: second.keyPem, names: ['second.example'] },
    ],
    operatorIssuerPems: [nextCa.certificatePem],
  })
  t.match(await onConnection(), { status: 200 })
  t.equal(await showCertificate(port, 'localhost'), before, 'only prepared')
  t.equal((await call('GET', '/v1/status', { certificate: nextOperator })).status, 401)

  use()
  t.match(await onConnection(), { status: 401, reused: true }, 'an open connection is judged anew')
  t.equal((await call('GET', '/v1/status')).status, 401)
  t.equal((await call('GET', '/v1/status', { certificate: nextOperator })).status, 200)
  const shown = [await showCertificate(port, 'localhost'), await showCertificate(port, 'second.example')]
  t.equal(new Set([before, ...shown]).size, 3)
  t.equal(await showCertificate(port, 'unknown.example'), shown[0])

  const good = { certificatePem: first.chainPem, keyPem: first.keyPem, names: ['localhost'] }
  const wrongKey = { ...good, keyPem: second.keyPem }
  const operatorIssuerPems = [operatorsCa.certificatePem]
  t.throws(() => door.prepare({ serverCertificates: [good, wrongKey], operatorIssuerPems }), {
    code: 'config_invalid',
    message: /doors\.admin\.serverCertificates\[1\]/,
  })
  t.throws(() => door.prepare({ serverCertificates: [good], operatorIssuerPems: [operators.security.certificatePem] }))
  t.equal((await call('GET', '/v1/status', { certificate: nextOperator })).status, 200, 'the door goes on as before')
})

t.test('a socket that somebody else bound is listened on, and closed with the door', async (t) => {
  const handle = bindSocket({ host: '127.0.0.1', port: 0 })
  const bound = addressOf(handle)
  const { call, door, port } = await withAdmin(t, { handles: [handle] })
  t.equal(port, bound.port)
  t.equal((await call('GET', '/v1/status')).status, 200)
  await door.close()
  const again = bindSocket(bound)
  again.close()
})
