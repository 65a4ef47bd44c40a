// Goal: requests that cannot be used are refused in words that help, and nothing is changed by them.
// Method: a real admin door on loopback; each kind of bad body, query, path and origin beside a good one.
import t from 'tap'
import { keyA1 } from '../store/contract.ts'
import { type CallOptions, withAdmin } from './with-admin.ts'

const bySerial = { certificates: [{ issuer: 'demo-issuing-ca', serial: '1' }] }

t.test('requests that cannot be used say which field and why', async (t) => {
  const { call, isRevoked } = await withAdmin(t)
  const certificate = { issuer: 'demo-issuing-ca', serial: '1' }
  const cases: [unknown, string | undefined, RegExp][] = [
    [
      { certificates: [{ ...certificate, issuer: 'demo-ca' }] },
      'certificates[0].issuer',
      /demo-issuing-ca, second-ca.*"demo-ca"/,
    ],
    [{ certificates: [certificate, { ...certificate, serial: '12 3x' }] }, 'certificates[1].serial', /not hexadecimal/],
    [{ certificates: [{ ...certificate, serial: '0' }] }, 'certificates[0].serial', /zero/],
    [{ certificates: [{ ...certificate, serial: '-5' }] }, 'certificates[0].serial', /negative/],
    [{ certificates: [{ ...certificate, serial: 'a'.repeat(41) }] }, 'certificates[0].serial', /over 20 octets/],
    [{ certificates: [{ serial: '1' }] }, 'certificates[0].issuer', /certificates\[0\]\.issuer/],
    [{ ...bySerial, reason: 'stolen' }, 'reason', /keyCompromise/],
    [{ ...bySerial, reason: 'certificateHold' }, 'reason', /keyCompromise/],
    [{ ...bySerial, apply: true }, undefined, /"apply"/],
    [{ certificates: [{ ...certificate, name: 'x' }] }, 'certificates[0]', /"name"/],
    [{}, undefined, /must name at least one/],
    [{ certificates: [], loginIds: [] }, undefined, /must name at least one/],
    [{ loginIds: [7] }, 'loginIds[0]', /string/],
    [{ loginIds: ['user01'], dryRun: 'yes' }, 'dryRun', /boolean/],
    [[], undefined, /object/],
    [null, undefined, /object/],
  ]
  for (const [json, path, detail] of cases) {
    const { status, body } = await call('POST', '/v1/revocations', { json })
    t.equal(status, 400, JSON.stringify(json))
    t.match(body, { detail }, JSON.stringify(json))
    t.equal(body.path, path, JSON.stringify(json))
  }
  t.notOk(isRevoked(keyA1))
  const unknown = await call('POST', '/v1/revocations', { json: { loginIds: ['user0'] } })
  t.match(unknown, {
    status: 404,
    body: { code: 'admin_not_found', path: 'loginIds[0]', detail: /alike: user01, user02/ },
  })
})

t.test('bodies: not JSON, not declared as JSON, too large, not UTF-8', async (t) => {
  const { call } = await withAdmin(t)
  const type = { 'Content-Type': 'application/json' }
  const cases: [string, CallOptions, RegExp][] = [
    ['broken', { headers: type, body: '{"loginIds":' }, /as JSON/],
    ['empty', { headers: type }, /as JSON/],
    ['a form', { headers: { 'Content-Type': 'text/plain' }, body: '{"loginIds":["user01"]}' }, /application\/json/],
    ['undeclared', { body: '{"loginIds":["user01"]}' }, /application\/json/],
    ['not UTF-8', { headers: type, body: Uint8Array.of(0x22, 0xff, 0x22) }, /as JSON/],
    ['too large', { headers: type, body: `"${'x'.repeat(1_048_575)}"` }, /above 1048576 bytes/],
    ['far too large', { headers: type, body: Buffer.alloc(12_000_000, 0x20) }, /above 1048576 bytes/],
  ]
  for (const [what, options, detail] of cases) {
    const { status, body } = await call('POST', '/v1/revocations', options)
    t.match({ status, body }, { status: 400, body: { code: 'admin_request_invalid', detail } }, what)
  }
})

t.test('queries and paths that cannot be used', async (t) => {
  const { call, ended } = await withAdmin(t)
  for (const path of [
    '?limit=0',
    '?limit=1001',
    '?limit=x',
    '?cursor=-1',
    '?user=x',
    '?loginId=a&loginId=b',
    '?issuer=nobody',
    '?__proto__=x',
  ]) {
    t.equal((await call('GET', `/v1/revocations${path}`)).status, 400, path)
  }
  t.equal((await call('GET', '/v1/status?x=1')).status, 400)
  t.equal((await call('DELETE', '/v1/revocations/demo-issuing-ca/%zz')).status, 400)
  t.match(await call('DELETE', '/v1/revocations/demo-issuing-ca/xyz'), {
    status: 400,
    body: { code: 'serial_invalid' },
  })
  t.match(await call('PUT', '/v1/revocations'), { status: 404, body: { detail: /takes POST, GET/ } })
  t.equal((await call('GET', '/v1/nothing')).status, 404)
  t.equal((await call('GET', '//evil.example/v1/status')).status, 400)
  t.equal((await call('HEAD', '/v1/status')).status, 200)
  t.strictSame(ended.slice(-3), [
    ['none', 404],
    ['none', 400],
    ['/v1/status', 200],
  ])
})

t.test('a browser sent by another site is refused, programs and the door’s own pages are not', async (t) => {
  const { call, port, isRevoked } = await withAdmin(t)
  const own = `https://127.0.0.1:${port}`
  const refused: Record<string, string>[] = [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: `http://127.0.0.1:${port}` },
    { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://evil.example' },
  ]
  for (const headers of refused) {
    const { status } = await call('POST', '/v1/revocations', { json: bySerial, headers })
    t.equal(status, 400, JSON.stringify(headers))
  }
  t.notOk(isRevoked(keyA1))
  for (const headers of [{}, { 'Sec-Fetch-Site': 'none' }, { 'Sec-Fetch-Site': 'same-origin', Origin: own }]) {
    const { status } = await call('POST', '/v1/revocations', { json: { ...bySerial, dryRun: true }, headers })
    t.equal(status, 200, JSON.stringify(headers))
  }
})
