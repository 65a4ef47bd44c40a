// Goal: only operators with the right role get through the admin door, and what goes wrong is told in words that help.
// Method: a real door on loopback; each route with each role; certificates that should not pass; requests that cannot be used.
import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { adminRoutes } from '../../src/admin/routes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { eventually } from '../control-path/fake-gateway.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { issuerA, keyA1, keyA2 } from '../store/contract.ts'
import {
  type CallOptions,
  inspection,
  issueOperator,
  operators,
  operatorsCa,
  serverCa,
  withAdmin,
} from './with-admin.ts'

const dayMs = 86_400_000
const bySerial = { certificates: [{ issuer: 'demo-issuing-ca', serial: '1' }] }
const range = {
  issuer: 'demo-issuing-ca',
  notBeforeFrom: '1970-01-01T00:00:00Z',
  notBeforeTo: '1970-01-01T09:00:00+09:00',
}

t.test('each route with each role', async (t) => {
  const { call, audited } = await withAdmin(t)
  const calls: { [route: string]: [string, string, CallOptions] } = {
    'POST /v1/revocations': ['POST', '/v1/revocations', { json: { loginIds: ['user01'], dryRun: true } }],
    'GET /v1/revocations': ['GET', '/v1/revocations', {}],
    'DELETE /v1/revocations/{issuer}/{serial}': ['DELETE', '/v1/revocations/demo-issuing-ca/1?dryRun=true', {}],
    'POST /v1/revocations/bulk': [
      'POST',
      '/v1/revocations/bulk?dryRun=true',
      { body: '{"loginId":"user01"}', headers: { 'Content-Type': 'application/x-ndjson' } },
    ],
    'GET /v1/revocation-rules': ['GET', '/v1/revocation-rules', {}],
    'POST /v1/revocation-rules': ['POST', '/v1/revocation-rules', { json: { ...range, dryRun: true } }],
    'DELETE /v1/revocation-rules/{ruleId}': ['DELETE', '/v1/revocation-rules/login%3Auser01?reason=x', {}],
    'GET /v1/crls': ['GET', '/v1/crls', {}],
    'POST /v1/crls/look': ['POST', '/v1/crls/look', { json: {} }],
    'POST /v1/crls/import': ['POST', '/v1/crls/import?issuer=signing-ca', { body: 'x' }],
    'GET /v1/gateways': ['GET', '/v1/gateways', {}],
    'GET /v1/connections': ['GET', '/v1/connections', {}],
    'GET /v1/issuers': ['GET', '/v1/issuers', {}],
    'POST /v1/inspect': ['POST', '/v1/inspect', { body: 'x' }],
    'GET /v1/status': ['GET', '/v1/status', {}],
    // Its answer to GET has no end.
    'GET /v1/live': ['HEAD', '/v1/live', {}],
    'POST /v1/reload': ['POST', '/v1/reload', {}],
    'GET /v1/openapi.json': ['GET', '/v1/openapi.json', {}],
    'GET /v1/contracts': ['GET', '/v1/contracts', {}],
    'GET /v1/contracts/{contractId}': ['GET', '/v1/contracts/shoji', {}],
    'PUT /v1/contracts/{contractId}': ['PUT', '/v1/contracts/shoji', { json: { dryRun: true } }],
    'PUT /v1/contracts/{contractId}/login-method': [
      'PUT',
      '/v1/contracts/shoji/login-method',
      { json: { method: 'password', form: 'A-1', reason: 'x', dryRun: true } },
    ],
    'GET /v1/contracts/{contractId}/users': ['GET', '/v1/contracts/shoji/users', {}],
    'GET /v1/contracts/{contractId}/history': ['GET', '/v1/contracts/shoji/history', {}],
    'GET /v1/users': ['GET', '/v1/users', {}],
    'GET /v1/users/{loginId}': ['GET', '/v1/users/user01', {}],
    'PUT /v1/users/{loginId}': ['PUT', '/v1/users/user01', { json: { dryRun: true } }],
    'POST /v1/users/{loginId}/suspension': [
      'POST',
      '/v1/users/user02/suspension',
      { json: { suspended: false, reason: 'x' } },
    ],
    'POST /v1/users/{loginId}/unlock': ['POST', '/v1/users/user01/unlock', {}],
    'GET /v1/users/{loginId}/history': ['GET', '/v1/users/user01/history', {}],
    'GET /v1/users/{loginId}/certificates': ['GET', '/v1/users/user01/certificates', {}],
    'POST /v1/certificates': [
      'POST',
      '/v1/certificates',
      { json: { loginId: 'user01', signingRequest: 'x', reason: 'x', dryRun: true } },
    ],
    'GET /v1/certificates/{issuer}/{serial}': ['GET', '/v1/certificates/demo-issuing-ca/1', {}],
    'GET /v1/requests/{requestId}': ['GET', '/v1/requests/r-1', {}],
    'GET /v1/notices': ['GET', '/v1/notices', {}],
    'POST /v1/notices/{id}/revive': ['POST', '/v1/notices/m-1/revive', {}],
    'GET /v1/notices/foresee': ['GET', '/v1/notices/foresee?date=2027-01-01', {}],
    'GET /v1/notices/bounced': ['GET', '/v1/notices/bounced', {}],
    'POST /v1/directory/import': [
      'POST',
      '/v1/directory/import?kind=users',
      { body: 'loginId\nuser01', headers: { 'Content-Type': 'text/csv' } },
    ],
    'GET /v1/directory/export': ['GET', '/v1/directory/export?kind=users&format=ndjson', {}],
  }
  // What these name is not there: past the role check all the same.
  const otherwise: { [route: string]: number } = {
    'DELETE /v1/revocations/{issuer}/{serial}': 404,
    'DELETE /v1/revocation-rules/{ruleId}': 404,
    'GET /v1/certificates/{issuer}/{serial}': 404,
    'GET /v1/requests/{requestId}': 404,
    'POST /v1/notices/{id}/revive': 404,
    'POST /v1/certificates': 400,
    'POST /v1/crls/look': 404,
    'POST /v1/crls/import': 404,
  }
  const desk = [
    'PUT /v1/contracts/{contractId}',
    'PUT /v1/users/{loginId}',
    'POST /v1/users/{loginId}/suspension',
    'POST /v1/users/{loginId}/unlock',
    'POST /v1/notices/{id}/revive',
    'POST /v1/directory/import',
  ]
  const lists = 'GET /v1/crls'
  const exported = 'GET /v1/directory/export'
  const switched = 'PUT /v1/contracts/{contractId}/login-method'
  const reads = (route: string) => route.startsWith('GET') || route.endsWith('inspect')
  const allowed: { [role: string]: readonly string[] } = {
    security: Object.keys(calls).filter((route) => route !== switched),
    branch: [
      ...Object.keys(calls).filter((route) => reads(route) && route !== lists),
      'POST /v1/revocations',
      ...desk,
      switched,
    ],
    helpdesk: Object.keys(calls).filter((route) => reads(route) && route !== exported),
    auditor: Object.keys(calls).filter(reads),
  }
  t.strictSame(
    adminRoutes.map(({ method, path }) => `${method} ${path}`).toSorted(),
    Object.keys(calls).toSorted(),
    'no route without a row here',
  )
  for (const [role, certificate] of Object.entries(operators)) {
    for (const [route, [method, path, options]] of Object.entries(calls)) {
      audited.length = 0
      const { status, body } = await call(method, path, { ...options, certificate })
      if (allowed[role]?.includes(route)) {
        t.equal(status, otherwise[route] ?? 200, `${role} may ${route}`)
      } else {
        t.match({ status, body }, { status: 403, body: { code: 'admin_role_missing' } }, `${role} may not ${route}`)
        t.match(audited, [
          { event: 'operator_refused', actor: { kind: 'operator', name: 'sato.hanako' }, reason: 'admin_role_missing' },
        ])
      }
    }
  }
})

t.test('a branch operator revokes by login ID, not by serial number', async (t) => {
  const { call, store, isRevoked } = await withAdmin(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  const refused = await call('POST', '/v1/revocations', { certificate: operators.branch, json: bySerial })
  t.match(refused, { status: 403, body: { code: 'admin_role_missing', path: 'certificates' } })
  t.notOk(isRevoked(keyA1))
  const done = await call('POST', '/v1/revocations', { certificate: operators.branch, json: { loginIds: ['user01'] } })
  t.match(done, { status: 200, body: { revoked: 1 } })
  t.ok(isRevoked(keyA1), 'applied before the answer')
})

t.test('whoever is no operator is told so, and it is put on record', async (t) => {
  const { call, audited } = await withAdmin(t)
  const nowMs = Date.UTC(2020, 0, 1)
  const otherCa = createTestCa({ commonName: 'operators' })
  const cases: [string, CallOptions['certificate'], RegExp][] = [
    ['no certificate', undefined, /none was presented/],
    ['another CA of the same name', issueOperator(['security'], { ca: otherCa }), /issuer_not_trusted/],
    [
      'expired',
      issueOperator(['security'], { notBeforeMs: nowMs, notAfterMs: nowMs + dayMs }),
      /it expired at 2020-01-02/,
    ],
    [
      'not valid yet',
      issueOperator(['security'], { notBeforeMs: Date.UTC(2100, 0, 1), notAfterMs: Date.UTC(2101, 0, 1) }),
      /not valid yet/,
    ],
    ['for servers', issueOperator(['security'], { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }), /usage_not_allowed/],
    ['without a name', operatorsCa.issueClient({ commonName: undefined }), /name one person/],
    ['a line break in the name', issueOperator(['security'], { name: 'a\nb' }), /name one person/],
  ]
  for (const [what, certificate, detail] of cases) {
    audited.length = 0
    const { status, headers, body } = await call('GET', '/v1/status', { certificate })
    t.equal(status, 401, what)
    t.match(
      body,
      { type: 'urn:sekisho:fault:admin_unauthenticated', code: 'admin_unauthenticated', status: 401, detail },
      what,
    )
    t.equal(headers['content-type'], 'application/problem+json')
    t.match(audited, [
      { event: 'operator_refused', actor: { kind: 'unauthenticated', name: '127.0.0.1' }, requestId: body.requestId },
    ])
  }
})

t.test('roles are exact words; several add up', async (t) => {
  const { call } = await withAdmin(t)
  for (const units of [[], ['Security'], ['security '], ['root'], ['security-branch']]) {
    const { status } = await call('GET', '/v1/status', { certificate: issueOperator(units) })
    t.equal(status, 403, JSON.stringify(units))
  }
  const both = issueOperator(['auditor', 'security'])
  t.equal(
    (await call('POST', '/v1/revocations', { certificate: both, json: { ...bySerial, dryRun: true } })).status,
    200,
  )
})

t.test(
  'an operator certificate that expires while its connection stays open is refused on the next request',
  async (t) => {
    let nowMs = systemClock.nowMs()
    const { port } = await withAdmin(t, { nowMs: () => nowMs })
    const certificate = operators.security
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: serverCa.certificatePem,
      cert: certificate.chainPem,
      key: certificate.keyPem,
    })
    t.teardown(() => socket.destroy())
    const ask = async () => {
      socket.write('GET /v1/issuers HTTP/1.1\r\nHost: localhost\r\n\r\n')
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      return chunk.toString('latin1').slice(9, 12)
    }
    t.equal(await ask(), '200')
    nowMs += 366 * dayMs
    t.equal(await ask(), '401')
  },
)

t.test('TLS sessions are not resumed, and TLS 1.1 is refused', async (t) => {
  const { port } = await withAdmin(t)
  const { chainPem: cert, keyPem: key } = operators.security
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { host: '127.0.0.1', port, ca: serverCa.certificatePem, cert, key, maxVersion }
    const first = connect(options)
    let session: Buffer | undefined
    first.on('session', (made: Buffer) => {
      session = made
    })
    first.write('GET /v1/issuers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    first.resume()
    await once(first, 'close')
    const second = connect({ ...options, ...(session === undefined ? {} : { session }) })
    await once(second, 'secureConnect')
    t.notOk(second.isSessionReused(), maxVersion)
    second.destroy()
  }
  const old = connect({
    host: '127.0.0.1',
    port,
    ca: serverCa.certificatePem,
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const [error] = await once(old, 'error')
  t.match(error, { code: /PROTOCOL_VERSION|ALERT/ })
})

t.test('revoke, list and restore, as another program sees it', async (t) => {
  const { call, isRevoked, audited } = await withAdmin(t)
  const certificates = [
    { issuer: 'demo-issuing-ca', serial: '01' },
    { issuer: 'demo-issuing-ca', serial: '2' },
  ]
  const done = await call('POST', '/v1/revocations', {
    json: { certificates, reason: 'keyCompromise', comment: '落とした' },
  })
  t.match(done, { status: 200, body: { revoked: 2, alreadyRevoked: 0, connectionsCut: 0, dryRun: false } })
  t.match(done.headers, { 'cache-control': 'no-store', 'sekisho-request-id': /^[0-9a-f]{8}-\w+$/ })
  t.match(audited[0], {
    event: 'certificate_revoked',
    requestId: done.headers['sekisho-request-id'],
    detail: { comment: '落とした' },
  })
  const first = await call('GET', '/v1/revocations?limit=1')
  t.match(first.body, {
    revocations: [
      {
        issuer: 'demo-issuing-ca',
        issuerId: issuerA,
        serial: '2',
        reason: 'keyCompromise',
        comment: '落とした',
        actor: 'sato.hanako',
        revokedAt: /^\d{4}-\d\d-\d\dT.*Z$/,
      },
    ],
  })
  const second = await call(
    'GET',
    `/v1/revocations?limit=1&cursor=${String(first.body.nextCursor)}&issuer=demo-issuing-ca`,
  )
  t.match(second.body, { revocations: [{ serial: '1' }] })
  t.equal(second.body.nextCursor, undefined)
  t.strictSame((await call('GET', '/v1/revocations?loginId=nobody')).body, { revocations: [] })
  const restored = await call('DELETE', '/v1/revocations/demo-issuing-ca/0x02?reason=typo')
  t.match(restored, { status: 200, body: { outcome: 'restored', serial: '2' } })
  t.notOk(isRevoked(keyA2))
  t.ok(isRevoked(keyA1))
  t.match(audited.at(-1), { event: 'certificate_restored', reason: 'typo' })
  t.equal((await call('DELETE', '/v1/revocations/demo-issuing-ca/2')).status, 404)
})

t.test('connections, issuers, inspect and status', async (t) => {
  const { call, workers, inspected, index } = await withAdmin(t)
  for (const loginId of ['user01', 'user02', 'user02']) {
    workers.live.push({
      door: 'main',
      certificateKey: keyA1,
      loginId,
      contractId: 'shoji',
      openedAtMs: 0,
      clientAddress: '::1',
    })
  }
  const all = await call('GET', '/v1/connections')
  t.match(all.body, {
    truncated: true,
    connections: [{ issuer: 'demo-issuing-ca', serial: '1', loginId: 'user01', openedAt: '1970-01-01T00:00:00.000Z' }],
  })
  t.equal((all.body.connections as unknown[]).length, 2)
  t.match((await call('GET', '/v1/connections?loginId=user01')).body, {
    truncated: false,
    connections: [{ loginId: 'user01' }],
  })
  t.match((await call('GET', '/v1/issuers')).body, {
    issuers: [{ name: 'demo-issuing-ca', issuerId: issuerA, redisKey: `{sekisho}:revoked:${issuerA}` }, {}],
  })
  const { certificatePem, der } = operators.helpdesk
  for (const body of [certificatePem, `some text\n${certificatePem}`, der]) {
    const { status, body: answer } = await call('POST', '/v1/inspect', { body })
    t.equal(status, 200)
    t.strictSame(answer, { inspections: [inspection] })
    t.strictSame(Buffer.from(inspected.at(-1) ?? []), Buffer.from(der))
  }
  t.match(await call('POST', '/v1/inspect', { body: '-----BEGIN NOTHING-----' }), {
    status: 400,
    body: { code: 'certificate_unreadable' },
  })
  t.match(await call('POST', '/v1/inspect'), { status: 400, body: { code: 'certificate_unreadable' } })
  t.match((await call('GET', '/v1/status')).body, {
    state: 'live',
    revocations: 0,
    indexEntries: index.size,
    workers: 1,
    workersConfigured: 2,
    configuration: { loadedAt: '1970-01-01T00:00:00.000Z', lastReload: null },
    lastFault: null,
    versions: { sekisho: '0.1.0' },
  })
})

t.test('a fault of our own becomes a bare 500 that names only the request id', async (t) => {
  const { call, ports, lines } = await withAdmin(t)
  ports.store.revocations = async () => {
    throw new Error('SELECT secret FROM somewhere')
  }
  const { status, body } = await call('GET', '/v1/revocations')
  t.match({ status, body }, { status: 500, body: { code: 'internal', title: 'The gateway failed' } })
  t.notMatch(JSON.stringify(body), /secret/)
  t.match(lines, [['admin request failed', { requestId: body.requestId }]])
})

t.test('a body that ends early is no fault of the gateway', async (t) => {
  const { port, lines, ended } = await withAdmin(t)
  const { chainPem: cert, keyPem: key } = operators.security
  const socket = connect({ host: '127.0.0.1', port, ca: serverCa.certificatePem, cert, key })
  socket.write(
    'POST /v1/revocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"login',
    () => socket.destroy(),
  )
  await eventually(() => ended.length > 0, 'the request to end')
  t.strictSame(ended, [['/v1/revocations', 400]])
  t.strictSame(lines, [])
})
